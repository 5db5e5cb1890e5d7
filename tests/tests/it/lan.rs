//! Two machines on one cable, and nothing else: no router, no address typed in. Needs root and `ip`.

use std::process::{Command, Stdio};

use super::territory::Territory;

/// Two network namespaces joined by a cable, removed when dropped.
struct Cable {
    ends: [String; 2],
}

impl Cable {
    /// `None` where this may not be made.
    fn lay() -> Option<Self> {
        let id = std::process::id();
        let cable = Self {
            ends: ["a", "b"].map(|end| format!("bocage{id}{end}")),
        };
        let [a, b] = &cable.ends;
        let made = ip(&["netns", "add", a]) && ip(&["netns", "add", b]);
        let laid = made && ip(&["link", "add", "end", "netns", a, "type", "veth", "peer", "name", "end", "netns", b]);
        let up = |end: &str, address: &str| {
            ip(&["-n", end, "address", "add", address, "dev", "end"])
                && ip(&["-n", end, "link", "set", "lo", "up"])
                && ip(&["-n", end, "link", "set", "end", "up"])
        };
        (laid && up(a, "10.45.17.1/24") && up(b, "10.45.17.2/24")).then_some(cable)
    }

    /// A command as it runs at one end.
    fn at(&self, end: usize, command: Command) -> Command {
        let mut there = Command::new("ip");
        there
            .args(["netns", "exec", &self.ends[end]])
            .arg(command.get_program())
            .args(command.get_args());
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
}

impl Drop for Cable {
    fn drop(&mut self) {
        for end in &self.ends {
            ip(&["netns", "delete", end]);
        }
    }
}

fn ip(args: &[&str]) -> bool {
    let ran = Command::new("ip").args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
    ran.is_ok_and(|status| status.success())
}

#[test]
fn mdns_on_a_veth_pair_is_enough() {
    let Some(cable) = Cable::lay() else {
        println!("skipped: needs root and ip, to lay a cable between two network namespaces");
        return;
    };
    let mut t = Territory::new().founded();
    // Enrolled by files, with an invitation that names an address nobody has here.
    t.enrol("mobile");
    let patient = t.patient("clinic", "Lenoir", "Jeanne");
    t.json("clinic", &["share", &patient, "Tournée Petit"]);
    for (end, place) in ["clinic", "mobile"].into_iter().enumerate() {
        let run = t.command(&["run", "--data", place]);
        t.start(place, cable.at(end, run));
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
