//! Machines on one cable or one switch and nothing else: no router, no address typed in. Needs root, `ip` and `tcpdump`.

use std::fs;
use std::process::{Child, Command, Stdio};

use super::day::{self, ALL, MARKERS, holds};
use super::territory::Territory;

/// Network namespaces joined by veth pairs to a switch in a namespace of its own; removed when dropped.
struct Lan {
    switch: String,
    machines: Vec<String>,
}

impl Lan {
    /// Machines 0, 1, 2… as 10.45.17.1, .2, .3…; `None` where this may not be made.
    fn lay(machines: usize) -> Option<Self> {
        let id = std::process::id();
        let lan = Self {
            switch: format!("bocage{id}{machines}switch"),
            machines: (0..machines).map(|n| format!("bocage{id}{machines}m{n}")).collect(),
        };
        let switch = &lan.switch;
        let mut made = ip(&["netns", "add", switch])
            && ip(&["-n", switch, "link", "add", "switch", "type", "bridge"])
            && ip(&["-n", switch, "link", "set", "switch", "up"]);
        for (n, machine) in lan.machines.iter().enumerate() {
            let (port, address) = (format!("port{n}"), format!("10.45.17.{}/24", n + 1));
            made = made
                && ip(&["netns", "add", machine])
                && ip(&[
                    "link", "add", &port, "netns", switch, "type", "veth", "peer", "name", "end", "netns", machine,
                ])
                && ip(&["-n", switch, "link", "set", &port, "master", "switch", "up"])
                && ip(&["-n", machine, "address", "add", &address, "dev", "end"])
                && ip(&["-n", machine, "link", "set", "lo", "up"])
                && ip(&["-n", machine, "link", "set", "end", "up"]);
        }
        made.then_some(lan)
    }

    /// A command as it runs on one machine.
    fn at(&self, machine: usize, command: Command) -> Command {
        let mut there = within(&self.machines[machine]);
        there.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => there.env(name, value),
                None => there.env_remove(name),
            };
        }
        if let Some(dir) = command.get_current_dir() {
            there.current_dir(dir);
        }
        there.stdin(Stdio::null());
        there
    }

    /// Pulls a machine's plug, or puts it back.
    fn plug(&self, machine: usize, state: &str) {
        assert!(ip(&["-n", &self.switch, "link", "set", &format!("port{machine}"), state]));
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        for namespace in self.machines.iter().chain([&self.switch]) {
            ip(&["netns", "delete", namespace]);
        }
    }
}

fn within(namespace: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace]);
    command
}

fn ip(args: &[&str]) -> bool {
    let ran = Command::new("ip").args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
    ran.is_ok_and(|status| status.success())
}

/// Everything that passes the switch, whole, written to a file until it is stopped.
struct Capture(Child);

impl Capture {
    fn start(lan: &Lan, file: &std::path::Path) -> Option<Self> {
        let mut tcpdump = within(&lan.switch);
        tcpdump.args(["tcpdump", "--interface=any", "--snapshot-length=0", "--packet-buffered", "-w"]);
        let child = tcpdump.arg(file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        // Its file's header says that it listens.
        let listening = (0..200).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(25));
            fs::metadata(file).is_ok_and(|m| m.len() > 0)
        });
        let capture = Self(child);
        listening.then_some(capture)
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

#[test]
fn mdns_on_a_veth_pair_is_enough() {
    let Some(lan) = Lan::lay(2) else {
        println!("skipped: needs root and ip, to lay cables between network namespaces");
        return;
    };
    let mut t = Territory::new().founded();
    // Enrolled by files, with an invitation that names an address nobody has here.
    t.enrol("mobile");
    let patient = t.patient("clinic", "Lenoir", "Jeanne");
    t.json("clinic", &["share", &patient, "Tournée Petit"]);
    for (machine, place) in ["clinic", "mobile"].into_iter().enumerate() {
        let run = t.command(&["run", "--data", place]);
        t.start(place, lan.at(machine, run));
    }
    t.settle(&["clinic", "mobile"]);
    assert_eq!(t.families("mobile"), ["Lenoir"]);
    let peers = t.json("mobile", &["peers"]);
    let address = peers["peers"][0]["address"].as_str().unwrap();
    assert!(
        address.contains("/10.45.17.1/") || address.contains("/10.45.17.2/") || address.contains("/fe80"),
        "{peers}"
    );
    // What is written now goes over at once.
    t.json("mobile", &["note", "add", &patient, "By the bedside."]);
    t.settle(&["clinic", "mobile"]);
    assert_eq!(t.entries("clinic", &patient)[0], "Note: By the bedside.");
    t.stop("clinic");
    t.stop("mobile");
}

#[test]
fn t50_four_machines_find_each_other_by_mdns_and_no_frame_on_the_wire_shows_a_patient() {
    let Some(lan) = Lan::lay(4) else {
        println!("skipped: needs root and ip, to lay cables between network namespaces");
        return;
    };
    let mut t = Territory::new().founded();
    let file = t.path("wire.pcap");
    let Some(capture) = Capture::start(&lan, &file) else {
        println!("skipped: needs tcpdump, to see every frame");
        return;
    };
    for place in &ALL[1..] {
        t.enrol(place);
    }
    for (machine, place) in ALL.into_iter().enumerate() {
        let run = t.command(&["run", "--data", place]);
        t.start(place, lan.at(machine, run));
    }
    let patient = day::live(&mut t);

    // The pharmacy's plug is pulled; work goes on at both ends, and meets again.
    lan.plug(1, "down");
    t.json("clinic", &["note", "add", &patient, "Revue au cabinet."]);
    t.json("pharmacy", &["note", "add", &patient, "Repassée au comptoir."]);
    t.settle(&["clinic", "cabin", "mobile"]);
    assert_ne!(t.status("clinic")["root"], t.status("pharmacy")["root"], "the plug is out");
    lan.plug(1, "up");
    day::check(&mut t, &patient);
    assert!(t.entries("clinic", &patient).iter().any(|e| e.contains("comptoir")));

    let crossed: u64 = ALL.iter().map(|p| t.status(p)["item_bytes_sent"].as_u64().unwrap()).sum();
    for place in ALL {
        t.stop(place);
    }
    drop(capture);
    let wire = fs::read(&file).unwrap();
    assert!(
        wire.len() as u64 > crossed,
        "the capture holds what was sent: {} of {crossed}",
        wire.len()
    );
    assert!(holds(&wire, b"_p2p"), "announcements are in clear, and seen");
    assert_eq!(day::leaks(&wire), <[&str; 0]>::default());
    for place in ["pharmacy", "cabin"] {
        for file in super::territory::files_under(&t.path(place)) {
            assert_eq!(day::leaks(&fs::read(&file).unwrap()), <[&str; 0]>::default(), "{}", file.display());
        }
    }
    let sent = fs::read(t.path("ward.json")).unwrap();
    assert!(day::leaks(&sent).len() >= MARKERS.len() - 2, "the scan finds what is in clear");
}
