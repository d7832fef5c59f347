//! The load generator against the program: what it counts is there.

use crate::support::Daemon;
use crate::support::fails;
use crate::support::run;
use crate::support::seeded;
use crate::support::text;
use crate::support::verify;

/// The number behind a name in what `load` prints.
fn number(said: &str, name: &str) -> f64 {
    let own = said
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix('\t'));
    own.unwrap_or_else(|| panic!("no {name}: {said}"))
        .parse()
        .expect("a number")
}

#[test]
fn every_message_that_is_counted_is_in_the_store() {
    let (folder, data) = seeded(&["jiangyin"]);
    let table = folder.path().join("stations.csv");
    std::fs::write(&table, run(&["load", "--devices", "5", "--table"])).expect("room");
    run(&["register", "--data", text(&data), text(&table)]);
    let daemon = Daemon::start(&data, &[]);
    let to = format!("mqtt://127.0.0.1:{}", daemon.mqtt);
    let args = [
        "load",
        "--to",
        &to,
        "--devices",
        "5",
        "--seconds",
        "1",
        "--verify",
        text(&data),
    ];
    let said = run(&[&args[..], &["--inflight", "4"]].concat());
    let acked = number(&said, "acknowledged");
    assert!(acked >= 5.0 && acked == number(&said, "sent"), "{said}");
    assert_eq!(
        (number(&said, "missing"), number(&said, "stations_failed")),
        (0.0, 0.0)
    );
    assert!(
        number(&said, "latency_p50_ms") <= number(&said, "latency_max_ms"),
        "{said}"
    );
    assert_eq!(daemon.metric("skytier_quarantined_total"), 0);
    let paced = run(&[&args[..], &["--rate", "10"]].concat());
    assert!(number(&paced, "sent") <= 15.0, "{paced}");
    // A station more than registered waits in quarantine: acknowledged, and said to be missing.
    let more = [
        "load",
        "--to",
        &to,
        "--devices",
        "6",
        "--seconds",
        "1",
        "--verify",
        text(&data),
    ];
    let (code, said) = fails(&more);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("wait in quarantine"), "{said}");
    daemon.stop("TERM");
    verify(&data);
    let (code, said) = fails(&["load", "--to", &to, "--devices", "1", "--seconds", "1"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("sim-load-00001: "), "{said}");
}
