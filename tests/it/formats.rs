//! Files of other formats: what an older program wrote is read, what a newer one wrote is refused with its name and left as it
//! is, by the daemon and by every command that reads.

use std::io::Read as _;
use std::path::Path;

use flate2::read::GzDecoder;

use crate::access::ask;
use crate::support::Daemon;
use crate::support::failed;
use crate::support::run;
use crate::support::seeded;
use crate::support::serve;
use crate::support::skytier;
use crate::support::text;

/// `access.db` of format 1, before devices were kept in it: a token, a person, a mandate, a session and rows of the log.
const FIXTURE: &str = "tests/it/data/access-1.db.gz";
/// The token in it, which stands for ever and opens nothing else.
const TOKEN: &str = include_str!("data/access-1.token");

fn version(path: &Path, number: u32) {
    let shell = rusqlite::Connection::open(path).expect("a database");
    let update = shell.pragma_update(None, "user_version", number);
    update.expect("changed");
    shell.close().expect("closed");
}

fn held(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("a file")
}

/// There is no way back but the backup: a program that does not know a format says so and touches nothing.
#[test]
fn what_a_newer_program_wrote_is_refused_and_left_as_it_is() {
    for (file, known) in [("skytier.db", 2), ("access.db", 1)] {
        let (_folder, data) = seeded(&["jiangyin"]);
        crate::access::token(&data, "li", "bureau");
        let path = data.join(file);
        version(&path, 99);
        let before = held(&path);
        let said = "format 99";
        let start = failed(&serve(&data, &[]).output().expect("it runs"));
        let commands = [
            vec!["verify", "--data", text(&data)],
            vec!["audit", "--data", text(&data)],
            vec!["doctor", "--data", text(&data)],
            vec!["stats", "--data", text(&data)],
        ];
        let ran = commands.iter().map(|args| {
            let ended = skytier(args).output().expect("it runs");
            let all = [&ended.stdout[..], &ended.stderr].concat();
            let code = ended.status.code().unwrap_or(-1);
            (args[0], code, String::from_utf8_lossy(&all).into_owned())
        });
        let mut refused = vec![("serve", start.0, start.1)];
        // The log is in the one file, readings are in the other.
        refused.extend(ran.filter(|(name, ..)| match *name {
            "audit" => file == "access.db",
            "stats" => file == "skytier.db",
            _ => true,
        }));
        for (name, code, complaint) in refused {
            assert_ne!(code, 0, "{name}: {complaint}");
            let newer = if name == "doctor" {
                "and this skytier knows"
            } else {
                "newer"
            };
            for expected in [file, said, newer] {
                assert!(
                    complaint.contains(expected),
                    "{name} {expected}: {complaint}"
                );
            }
        }
        assert_eq!(held(&path), before, "{file} was touched");
        version(&path, known);
        crate::support::verify(&data);
    }
}

#[test]
fn access_of_format_1_is_read_and_written_on() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let file = std::fs::File::open(Path::new(env!("CARGO_MANIFEST_DIR")).join(FIXTURE));
    let mut bytes = Vec::new();
    let mut packed = GzDecoder::new(file.expect(FIXTURE));
    packed.read_to_end(&mut bytes).expect(FIXTURE);
    std::fs::write(data.join("access.db"), bytes).expect("room on the disk");
    let daemon = Daemon::start(&data, &[]);
    let who = ask(&daemon.http, "GET", "/v1/whoami", Some(TOKEN.trim()), "");
    assert_eq!(who.status, 200, "{}", who.text);
    assert_eq!(who.json()["name"], "Li Na");
    let nobody = ask(&daemon.http, "GET", "/v1/whoami", None, "");
    assert_eq!(nobody.status, 401, "closed as it was");
    // What came later is there too.
    let args = ["devices", "add", "gate", "--station", "1999A"];
    run(&[&args[..], &["--data", text(&data)]].concat());
    daemon.stop("TERM");
    let list = |what: &str| run(&[what, "list", "--data", text(&data), "--format", "json"]);
    assert!(
        list("users").contains("\"name\":\"Wu Min\""),
        "{}",
        list("users")
    );
    assert!(list("mandates").contains("\"document\":\"Letter 7\""));
    assert!(list("devices").contains("\"id\":\"gate\""));
    let checked = run(&["audit", "verify", "--data", text(&data)]);
    let log = run(&["audit", "--data", text(&data), "--format", "csv"]);
    assert!(
        log.contains("mandate.add") && log.contains("device.add"),
        "{log}{checked}"
    );
    crate::support::verify(&data);
}
