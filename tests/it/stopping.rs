//! A daemon that is told to stop: what it took is finished and kept, nobody new is let in, and it ends well.

use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpStream;

use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::seeded;
use crate::support::station::Station;
use crate::support::station::hourly;
use crate::support::station::readings_topic;
use crate::support::wait_for;

const UNIT: &str = "91999999MA1X00017B";
const TIME: &str = "2020-07-27T13:00:00+08:00";

#[test]
fn a_request_that_was_begun_is_carried_out_and_nobody_else_is_let_in() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let daemon = Daemon::start(&data, &[]);
    let address = daemon.http.trim_start_matches("http://").to_owned();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut station = Station::connect(&daemon, "honest").await;
        let topic = readings_topic("1999A");
        station.send(&topic, &hourly(TIME, "40.5")).await;
    });
    let body = r#"{"id": "stop1", "code": "D03", "doc_date": "2026-05-06", "entered_by": "Li"}"#;
    let mut begun = TcpStream::connect(&address).expect("a listener");
    begun.set_read_timeout(Some(PATIENCE)).expect("an option");
    let head = format!(
        "POST /v1/enterprises/{UNIT}/records HTTP/1.1\r\nhost: {address}\r\nexpect: 100-continue\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    begun.write_all(head.as_bytes()).expect("taken");
    // Its handler waits for the body now.
    let mut told = [0; 12];
    begun.read_exact(&mut told).expect("an answer");
    assert_eq!(&told, b"HTTP/1.1 100");
    let (first, rest) = body.split_at(20);
    begun.write_all(first.as_bytes()).expect("taken");
    daemon.signal("TERM");
    wait_for("nobody else is let in", PATIENCE, || {
        TcpStream::connect(&address).is_err().then_some(())
    });
    begun.write_all(rest.as_bytes()).expect("taken");
    let mut answer = String::new();
    begun.read_to_string(&mut answer).expect("an answer");
    assert!(answer.contains("HTTP/1.1 200"), "{answer}");
    // A second signal is no harm.
    daemon.stop("TERM");
    let daemon = Daemon::start(&data, &[]);
    let records = daemon.fetch(&format!("/v1/enterprises/{UNIT}/records"));
    assert!(records.text.contains("stop1"), "{}", records.text);
    let hour = "from=2020-07-27T12:00:00%2B08:00&to=2020-07-27T14:00:00%2B08:00";
    let kept = daemon.readings("1999A", &format!("factor=pm25&stat=avg&{hour}"));
    assert_eq!(kept.len(), 1, "{kept:?}");
    daemon.stop("INT");
}
