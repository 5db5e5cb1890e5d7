//! What a meeting costs on the socket, handshakes and all. Byte counts don't depend on the machine; times are measured by the example `link`.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use bocage_node::client::Request;
use bocage_node::fhir::generate::Generator;

use line::{Line, Node, clinic_and_cabin};

#[path = "../../examples/link/line.rs"]
mod line;

const PATIENTS: u64 = 50;
const RESOURCES: usize = 20;
/// Of a thousand such patients 7 MB may cross, of which these are a twentieth.
const FIRST: u64 = 7_000_000 * PATIENTS / 1_000;
/// On a fresh connection with nothing new.
const NOTHING_NEW: u64 = 2_560;

#[tokio::test(flavor = "multi_thread")]
async fn a_first_sync_and_a_meeting_with_nothing_new_keep_to_their_bytes() {
    let root = tempfile::tempdir().unwrap();
    let homes = clinic_and_cabin(root.path()).unwrap();
    let file = root.path().join("patients.json");
    let made = Generator::new(1).write_bundle(File::create(&file).unwrap(), PATIENTS, RESOURCES);
    made.unwrap();
    let near = Node::start(&homes[0], Vec::new()).await.unwrap();
    let mut desk = near.desk().await.unwrap();
    desk.ask(Request::Import { files: vec![file] }, |_, _| {}).await.unwrap();
    let line = Line {
        bytes_per_second: 1e8,
        one_way: Duration::from_millis(1),
        crossed: Arc::default(),
    };
    let dial = vec![format!("/ip4/127.0.0.1/tcp/{}", line.lay(near.port().unwrap()).await.unwrap())];
    let first = line.meet(&near, &homes[1], &dial).await.unwrap();
    println!(
        "first sync: {} B, {} of them items, {:.2} s where the line needs {:.2}",
        first.bytes, first.encoded, first.seconds, first.needed
    );
    assert!(first.bytes <= FIRST, "{} B", first.bytes);
    assert!(
        first.bytes * 100 <= first.encoded * 110,
        "{} B for {} B of items",
        first.bytes,
        first.encoded
    );
    // What each now says of what it holds crosses once more.
    line.meet(&near, &homes[1], &dial).await.unwrap();
    let nothing = line.meet(&near, &homes[1], &dial).await.unwrap();
    println!("nothing new: {} B", nothing.bytes);
    assert_eq!(nothing.encoded, 0);
    assert!(nothing.bytes <= NOTHING_NEW, "{} B", nothing.bytes);
    near.stop().await.unwrap();
}
