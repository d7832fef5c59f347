//! Data loggers over TCP, as they send: frames glued and cut, answers only once on disk, strangers cut off.

use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use skytier::adapters::payload::hj212::crc::Variant;
use skytier::adapters::payload::hj212::frame::Frame;
use skytier::adapters::payload::hj212::framer::Framer;
use skytier::adapters::payload::hj212::framer::Step;
use skytier::adapters::payload::hj212::head::Head;

use crate::hj212::LOGGER;
use crate::hj212::framed;
use crate::hj212::hour;
use crate::hj212::register;
use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::export;
use crate::support::fails;
use crate::support::run;
use crate::support::seeded;
use crate::support::skytier;
use crate::support::text;
use crate::support::verify;
use crate::support::wait_for;

const LISTEN: (&str, &str) = ("SKYTIER__HJ212__LISTEN", "127.0.0.1:0");

/// A data logger's connection.
struct Logger {
    stream: TcpStream,
    framer: Framer,
}

impl Logger {
    fn connect(daemon: &Daemon) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", daemon.hj212)).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Self {
            stream,
            framer: Framer::new(4_096),
        }
    }

    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // The other side may have closed meanwhile: what it answered is read all the same.
        drop(self.stream.write_all(bytes.as_ref()));
    }

    /// The next answer: its command and QN; nothing once the connection is closed.
    fn answer(&mut self) -> Option<(u16, String)> {
        loop {
            if let Step::Frame(bytes, _) = self.framer.step(false) {
                let frame = Frame::whole(&bytes, 4_096, &[Variant::Hj]).expect("sound");
                let head = Head::read(frame.segment).expect("a head");
                return Some((head.cn, head.qn.unwrap_or_default()));
            }
            let mut bytes = [0; 1_024];
            match self.stream.read(&mut bytes) {
                Ok(count) if count > 0 => self.framer.push(&bytes[..count]),
                Err(cause) if cause.kind() == std::io::ErrorKind::WouldBlock => {
                    panic!("neither an answer nor an end")
                }
                _ => return None,
            }
        }
    }
}

/// A frame with its QN.
fn numbered(number: usize, values: &str) -> String {
    framed(&format!(
        "QN={number:017};ST=31;CN=2061;PW=123456;MN={LOGGER};Flag=5;CP=&&DataTime=20260312{:02}0000;{values}&&",
        number % 24
    ))
}

/// Adds a device named by its MN; what it printed.
fn add(data: &Path, mn: &str, source: &[&str], pw: &str) {
    let args = [
        "devices",
        "add",
        mn,
        "--data",
        text(data),
        "--hj212",
        "--password-stdin",
    ];
    let mut child = skytier(&[&args[..], source].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("it runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(pw.as_bytes()).expect("written");
    drop(stdin);
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn frames_are_answered_once_they_are_on_disk() {
    let (folder, data) = seeded(&["jiangyin"]);
    register(folder.path(), &data);
    let daemon = Daemon::start(&data, &[LISTEN]);
    let mut logger = Logger::connect(&daemon);
    // Noise, three frames glued together, the last one in pieces; the first one without a wish for an answer.
    let silent = hour(LOGGER, "20260311220000", "a21026-Avg=1").replace("Flag=5", "Flag=4");
    let silent = framed(&silent[6..silent.len() - 6]);
    let (second, third) = (numbered(1, "a21026-Avg=2"), numbered(2, "a21026-Avg=3"));
    logger.send(format!(
        "noise{silent}{}{}",
        second.trim_end(),
        &third[..50]
    ));
    assert_eq!(logger.answer(), Some((9_014, format!("{:017}", 1))));
    logger.send(&third[50..]);
    assert_eq!(logger.answer(), Some((9_014, format!("{:017}", 2))));
    // The same again is answered again; a damaged one is not, and the one behind it is.
    let damaged = third.replace("Avg=3", "Avg=9");
    logger.send(format!("{third}{damaged}{second}"));
    assert_eq!(logger.answer(), Some((9_014, format!("{:017}", 2))));
    assert_eq!(logger.answer(), Some((9_014, format!("{:017}", 1))));
    // A heartbeat, a notification, an answer of its own, and a login of 2005.
    for (cn, expected) in [(9_015, 9_013), (1_013, 9_013), (9_021, 9_022)] {
        logger.send(framed(&format!(
            "QN=7;ST=91;CN=9011;PW=123456;MN={LOGGER};Flag=4;CP=&&QnRtn=1&&"
        )));
        logger.send(framed(&format!(
            "QN=7;ST=91;CN={cn};PW=123456;MN={LOGGER};Flag=9;CP=&&&&"
        )));
        assert_eq!(logger.answer(), Some((expected, "7".to_owned())), "{cn}");
    }
    // What is kept as a dead letter is answered too: the logger need not send it again.
    logger.send(framed(&format!(
        "QN=8;ST=31;CN=3020;PW=123456;MN={LOGGER};Flag=5;CP=&&DataTime=1&&"
    )));
    assert_eq!(logger.answer(), Some((9_014, "8".to_owned())));
    let exported = daemon.export();
    for value in [
        "2026-03-11T23:00:00+08:00,3600,1,N",
        "2026-03-12T02:00:00+08:00,3600,2,N",
        "2026-03-12T03:00:00+08:00,3600,3,N",
    ] {
        assert!(exported.contains(value), "{value}\n{exported}");
    }
    for (name, expected) in [
        ("skytier_hj212_received_total", 12),
        ("skytier_hj212_durable_total", 9),
        ("skytier_hj212_answered_total", 8),
        ("skytier_hj212_bad_crc_total", 1),
        ("skytier_hj212_connections_open", 1),
    ] {
        assert_eq!(daemon.metric(name), expected, "{name}");
    }
    daemon.stop("TERM");
    verify(&data);
}

#[test]
fn every_answered_frame_is_there_after_a_kill() {
    let (folder, data) = seeded(&["jiangyin"]);
    register(folder.path(), &data);
    let mut answered = 0;
    for round in 0..3 {
        let daemon = Daemon::start(&data, &[LISTEN]);
        let mut logger = Logger::connect(&daemon);
        // Many in flight, killed while they are answered.
        let frame = |number: usize| {
            framed(&format!(
                "QN={number};ST=31;CN=2011;PW=123456;MN={LOGGER};Flag=5;CP=&&DataTime=2026031210{:02}{:02};a34013-Rtd={number}&&",
                number / 60 % 60,
                number % 60
            ))
        };
        for number in answered..answered + 200 {
            logger.send(frame(number));
        }
        let enough = answered + 20 + 37 * round;
        while answered < enough {
            let (cn, qn) = logger.answer().expect("an answer");
            assert_eq!((cn, qn), (9_014, answered.to_string()));
            answered += 1;
        }
        daemon.kill9();
    }
    verify(&data);
    let exported = export(&data);
    for number in 0..answered {
        let line = format!(
            "{LOGGER},a34013,rtd,2026-03-12T10:{:02}:{:02}+08:00,0,{number},N,raw",
            number / 60,
            number % 60
        );
        assert!(exported.contains(&line), "{line}");
    }
}

#[test]
fn a_logger_shows_its_mn_and_pw() {
    let (folder, data) = seeded(&["jiangyin"]);
    register(folder.path(), &data);
    add(&data, LOGGER, &["--logger", LOGGER], "123456");
    add(&data, "AIR1", &["--station", "S1"], "654321");
    let daemon = Daemon::start(&data, &[LISTEN]);
    let frame = |mn: &str, pw: &str| {
        framed(&format!(
            "QN=1;ST=31;CN=2061;PW={pw};MN={mn};Flag=5;CP=&&DataTime=20260312100000;a34004-Avg=35&&"
        ))
    };
    let answer = |frame: String| {
        let mut logger = Logger::connect(&daemon);
        logger.send(frame);
        logger.answer().map(|(cn, _)| cn)
    };
    assert_eq!(answer(frame(LOGGER, "123456")), Some(9_014));
    assert_eq!(answer(frame(LOGGER, "654321")), None, "the PW of another");
    assert_eq!(answer(frame(LOGGER, "")), None);
    assert_eq!(answer(frame("AIR1", "654321")), Some(9_014));
    assert_eq!(answer(frame("nobody", "123456")), None);
    assert_eq!(answer("x".repeat(10_000)), None, "noise without end");
    let exported = daemon.export();
    assert!(
        exported.contains(&format!("{LOGGER},a34004,avg,2026-03-12T11:00:00")),
        "{exported}"
    );
    assert!(
        exported.contains("S1,pm25,avg,2026-03-12T11:00:00"),
        "{exported}"
    );
    assert_eq!(daemon.metric("skytier_hj212_unproved_total"), 3);
    // Its short password is none at the MQTT endpoint, and the refusals stand in the audit log.
    let listed = run(&["devices", "list", "--data", text(&data)]);
    assert!(
        listed.contains("PW of HJ 212") && !listed.contains("123456"),
        "{listed}"
    );
    // A second connection of the logger takes the place of the first.
    let (mut first, mut second) = (Logger::connect(&daemon), Logger::connect(&daemon));
    first.send(frame(LOGGER, "123456"));
    assert!(first.answer().is_some());
    second.send(frame(LOGGER, "123456"));
    assert!(second.answer().is_some());
    assert_eq!(first.answer(), None);
    // Put out, it gets no answer; let in again, with another PW.
    run(&["devices", "disable", LOGGER, "--data", text(&data)]);
    wait_for("the device to be put out", PATIENCE, || {
        let mut logger = Logger::connect(&daemon);
        logger.send(frame(LOGGER, "123456"));
        logger.answer().is_none().then_some(())
    });
    daemon.stop("TERM");
    let audited = run(&["audit", "--data", text(&data)]);
    assert!(
        audited.contains("hj212.login") && audited.contains(LOGGER),
        "{audited}"
    );
    let add = ["devices", "add", "M2", "--hj212", "--logger", "M2"];
    let (code, said) = fails(&[&add[..], &["--data", text(&data)]].concat());
    assert!(code == 2 && said.contains("--password-stdin"), "{said}");
    verify(&data);
}

#[test]
fn silence_slowness_and_a_stop_end_a_connection() {
    let (folder, data) = seeded(&["jiangyin"]);
    register(folder.path(), &data);
    let daemon = Daemon::start(
        &data,
        &[
            LISTEN,
            ("SKYTIER__HJ212__IDLE_S_MAX", "1"),
            ("SKYTIER__HJ212__CONNECTIONS_MAX", "2"),
        ],
    );
    let mut idle = Logger::connect(&daemon);
    idle.send(numbered(1, "a21026-Avg=2"));
    assert!(idle.answer().is_some());
    assert_eq!(idle.answer(), None, "a second of silence");
    // A place is free again.
    let mut others = [Logger::connect(&daemon), Logger::connect(&daemon)];
    others[0].send(numbered(2, "a21026-Avg=2"));
    assert!(others[0].answer().is_some());
    others[1].send(numbered(3, "a21026-Avg=2").replace(LOGGER, "88888880000032"));
    wait_for("both places to be taken", PATIENCE, || {
        let third = TcpStream::connect(("127.0.0.1", daemon.hj212)).expect("it listens");
        third
            .set_read_timeout(Some(Duration::from_secs(1)))
            .expect("a timeout");
        matches!((&third).read(&mut [0]), Ok(0) | Err(_)).then_some(())
    });
    daemon.stop("TERM");
    let file = folder.path().join("c.toml");
    std::fs::write(&file, "[hj212]\nlisten = \"0.0.0.0:9212\"\n").expect("room on the disk");
    let (_, refused) = fails(&["serve", "--config", text(&file), "--data", text(&data)]);
    assert!(
        refused.contains("hj212.listen: 0.0.0.0:9212 is not a loopback address"),
        "{refused}"
    );
}

#[test]
fn strangers_do_not_keep_a_logger_out() {
    let (folder, data) = seeded(&["jiangyin"]);
    register(folder.path(), &data);
    let daemon = Daemon::start(&data, &[LISTEN]);
    let silent: Vec<TcpStream> = (0..300)
        .map(|_| TcpStream::connect(("127.0.0.1", daemon.hj212)).expect("it listens"))
        .collect();
    // Noise, heads without an end, regions that never close, and frames of others damaged.
    let damaged = numbered(1, "a21026-Avg=2").replace("Avg=2", "Avg=3");
    for bytes in [
        "#".repeat(20_000),
        "##9999".repeat(3_000),
        format!("##4000CP=&&{{{}", "0x00,".repeat(20_000)),
        damaged.repeat(200),
        "\r\n".repeat(10_000),
    ] {
        let mut stranger = Logger::connect(&daemon);
        stranger.send(bytes);
        let mut logger = Logger::connect(&daemon);
        logger.send(numbered(2, "a21026-Avg=2"));
        assert_eq!(logger.answer(), Some((9_014, format!("{:017}", 2))));
    }
    assert!(daemon.metric("skytier_hj212_bad_crc_total") >= 1);
    assert!(daemon.metric("skytier_hj212_noise_bytes_total") >= 1);
    assert!(
        !daemon
            .export()
            .contains("a21026,avg,2026-03-12T02:00:00+08:00,3600,3,")
    );
    drop(silent);
    daemon.stop("TERM");
    verify(&data);
}

#[test]
fn only_a_logger_that_is_set_so_goes_unchecked() {
    const OTHER: &str = "88888880000032";
    let (folder, data) = seeded(&["jiangyin"]);
    register(folder.path(), &data);
    let own = (
        "SKYTIER__HJ212__SOURCES__0",
        "loggers/88888880000032 crc=none",
    );
    let daemon = Daemon::start(&data, &[LISTEN, own]);
    let mut logger = Logger::connect(&daemon);
    let damaged = |number: usize| numbered(number, "a21026-Avg=2").replace("Avg=2", "Avg=3");
    logger.send(damaged(1));
    logger.send(numbered(2, "a21026-Avg=2"));
    assert_eq!(
        logger.answer(),
        Some((9_014, format!("{:017}", 2))),
        "one's damage"
    );
    logger.send(damaged(3).replace(LOGGER, OTHER));
    assert_eq!(
        logger.answer(),
        Some((9_014, format!("{:017}", 3))),
        "another's"
    );
    // Damaged so that it has no head, by the one and by the other.
    let headless = "##0012MN=;CP=&&&&x0000";
    logger.send(format!("{headless}{}", numbered(4, "a21026-Avg=2")));
    assert_eq!(logger.answer(), Some((9_014, format!("{:017}", 4))));
    logger.send(format!("{headless}{}", numbered(5, "a21026-Avg=2")));
    assert_eq!(logger.answer(), Some((9_014, format!("{:017}", 5))));
    // Damaged in its length, which then reaches into the next one, where digits stand that might be a check.
    let (mut cut, sound) = (numbered(6, "a21026-Avg=2"), numbered(7, "a21026-Avg=2"));
    let claimed = cut.len() - "##0000".len() + sound.find("QN=").expect("a number") + "QN=".len();
    cut.replace_range(2..6, &format!("{claimed:04}"));
    logger.send(format!("{cut}{sound}"));
    assert_eq!(
        logger.answer(),
        Some((9_014, format!("{:017}", 7))),
        "what stands in it"
    );
    assert_eq!(daemon.metric("skytier_hj212_bad_crc_total"), 3);
    assert_eq!(daemon.metric("skytier_hj212_bad_frames_total"), 1);
    assert!(
        !daemon
            .export()
            .contains(&format!("{LOGGER},a21026,avg,2026-03-12T02:"))
    );
    daemon.stop("TERM");
    let listed = run(&["dead-letters", "list", "--data", text(&data)]);
    assert!(
        !listed.contains("hj212_crc") && !listed.contains("data segment's is"),
        "{listed}"
    );
    verify(&data);
}

#[test]
fn what_is_no_frame_ends_a_connection_or_is_nobodys() {
    let (folder, data) = seeded(&["jiangyin"]);
    register(folder.path(), &data);
    add(&data, LOGGER, &["--logger", LOGGER], "123456");
    let daemon = Daemon::start(&data, &[LISTEN]);
    // Heads that each claim four thousand bytes behind them, from one who is known.
    let mut logger = Logger::connect(&daemon);
    logger.send(numbered(1, "a21026-Avg=2"));
    assert!(logger.answer().is_some());
    logger.send("##4096".repeat(20_000));
    logger.send(numbered(2, "a21026-Avg=2"));
    assert_eq!(logger.answer(), None);
    let looked_at = daemon.metric("skytier_hj212_bad_crc_total");
    // 64 KiB of them, of 117.
    assert!((5_000..=11_000).contains(&looked_at), "{looked_at}");
    // A sound check around no head is kept, as long as the device is one.
    let headless = framed("MN=;CN=2011;CP=&&&&");
    let mut logger = Logger::connect(&daemon);
    logger.send(format!(
        "{}{headless}{}",
        numbered(3, "a21026-Avg=2"),
        numbered(4, "a21026-Avg=2")
    ));
    assert!(logger.answer().is_some() && logger.answer().is_some());
    assert_eq!(daemon.metric("skytier_dead_letters_total"), 1);
    run(&["devices", "disable", LOGGER, "--data", text(&data)]);
    wait_for("the device to be put out", PATIENCE, || {
        let mut other = Logger::connect(&daemon);
        other.send(numbered(5, "a21026-Avg=2"));
        other.answer().is_none().then_some(())
    });
    logger.send(headless.repeat(100));
    assert_eq!(logger.answer(), None);
    assert_eq!(daemon.metric("skytier_dead_letters_total"), 1);
    daemon.stop("TERM");
    verify(&data);
}
