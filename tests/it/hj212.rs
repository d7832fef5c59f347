//! HJ 212: every collected frame is read as it should be, and frames over MQTT end as readings, letters or signs of life.

mod tcp;

use skytier::adapters::payload::Decoded;
use skytier::adapters::payload::Decoder;
use skytier::adapters::payload::PayloadFault;
use skytier::adapters::payload::Registered;
use skytier::adapters::payload::hj212::Reading;
use skytier::adapters::payload::hj212::Ways;
use skytier::adapters::payload::hj212::crc;
use skytier::adapters::payload::hj212::framer::Framer;
use skytier::adapters::payload::hj212::framer::Step;
use skytier::adapters::payload::hj212::sealed::Key;
use skytier::adapters::payload::topic::Topics;
use skytier::app::qc_rules;
use skytier::domain::calendar::Instant;

use crate::support::Daemon;
use crate::support::run;
use crate::support::seeded;
use crate::support::station::Station;
use crate::support::text;
use crate::support::verify;

pub(crate) const FRAMES: &str = include_str!("data/hj212_frames.txt");
/// 2026-03-14T00:00:00+08:00, after all of them.
const NOW: Instant = Instant::from_unix(1_773_417_600);

/// The sound frames and, with what is said of them, the malformed ones.
pub(crate) fn collected() -> (Vec<&'static str>, Vec<(&'static str, &'static str)>) {
    let (sound, malformed) = FRAMES.split_once("\n# malformed\n").expect("both parts");
    let frames = sound.lines().filter(|line| line.starts_with("##"));
    let told = malformed.lines().filter_map(|line| line.split_once('\t'));
    (frames.collect(), told.collect())
}

/// A field of the head.
fn field<'a>(frame: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = frame.split_once(&format!("{name}="))?;
    rest.split(';').next()
}

/// A frame as one of its own logger's, whose minute records are as long as told.
fn decode(frame: &str, minutes_s: u32) -> Result<Decoded, PayloadFault> {
    let mn = field(frame, "MN").unwrap_or("nobody");
    let target = Topics::default().target(&format!("skytier/v1/loggers/{mn}/hj212"));
    let registered = Registered {
        zone: None,
        interval_s: Some(minutes_s),
    };
    let decoder = Decoder::new(1 << 18, qc_rules::rules().expect("sound rules"));
    decoder.decode(&target.expect("a topic"), frame.as_bytes(), registered, NOW)
}

/// As [`decode`], with the key that the collected encrypted frames have.
fn decode_sealed(frame: &str, key: &str) -> Result<Decoded, PayloadFault> {
    let mn = field(frame, "MN").unwrap_or("nobody");
    let target = Topics::default().target(&format!("skytier/v1/loggers/{mn}/hj212"));
    let target = target.expect("a topic");
    let ways = Ways {
        key: Key::parse(key),
        ..Ways::default()
    };
    let reading = Reading {
        own: [(target.sender(), ways)].into(),
        ..Reading::default()
    };
    let decoder = Decoder::default().with_hj212(reading);
    decoder.decode(&target, frame.as_bytes(), None, NOW)
}

#[test]
fn encrypted_frames_are_read_with_their_key_alone() {
    let (sound, _) = collected();
    let sealed: Vec<&&str> = sound
        .iter()
        .filter(|frame| frame.contains("CP=&&{"))
        .collect();
    assert_eq!(sealed.len(), 2);
    for frame in sealed {
        let decoded = decode_sealed(frame, "0000000000000000").expect(frame);
        let values = decoded.readings.iter();
        let values: Vec<String> = values
            .map(|one| {
                let value = one
                    .reading
                    .value
                    .map_or("null".to_owned(), |value| value.to_string());
                format!(
                    "{} {} {value} {}",
                    one.key.factor, one.key.stat, one.reading.flag
                )
            })
            .collect();
        assert_eq!(
            values,
            ["a34013 rtd 3.21 N", "a34013 zs_rtd 3.47 N"],
            "{frame}"
        );
        let wrong = decode_sealed(frame, "0000000000000001").expect_err("a wrong key");
        assert!(
            wrong
                .to_string()
                .contains("CRC \"8081\", the data segment's is"),
            "{wrong}"
        );
    }
}

/// The values of a frame counted by their names alone: what no reader of ours is asked for.
fn values(frame: &str) -> usize {
    let region = frame.split_once("CP=&&").map_or("", |(_, region)| region);
    let named = region
        .split([';', ','])
        .filter_map(|item| item.split_once('='));
    let mut factors_with_values = Vec::new();
    let mut flagged = Vec::new();
    let mut count = 0;
    for (name, _) in named {
        let Some((factor, attribute)) = name.rsplit_once('-') else {
            continue;
        };
        match attribute {
            "Flag" => flagged.push(factor),
            "EFlag" | "SampleTime" | "SN" | "Info" => {}
            _ => {
                factors_with_values.push(factor);
                count += 1;
            }
        }
    }
    flagged.retain(|factor| !factors_with_values.contains(factor));
    count + flagged.len()
}

#[test]
fn every_collected_frame_is_read_in_full() {
    let (sound, _) = collected();
    let mut read = 0;
    for frame in &sound {
        let cn: u16 = field(frame, "CN")
            .and_then(|cn| cn.parse().ok())
            .expect("a command");
        // One logger sent minutes that begin at 13:57 and at 16:26.
        let minutes_s = if frame.contains("135700") || frame.contains("162600") {
            60
        } else {
            600
        };
        let found = decode(frame, minutes_s);
        let told = found.as_ref().map_err(ToString::to_string);
        match cn {
            _ if frame.contains("CP=&&{") => {
                assert!(
                    told.is_err_and(|fault| fault.contains("encrypted")),
                    "{frame}"
                );
            }
            _ if frame.contains("BeginTime") => {
                assert!(
                    told.is_err_and(|fault| fault.contains("DataTime is missing")),
                    "{frame}"
                );
            }
            2011 | 2021 | 2031 | 2041 | 2051 | 2061 => {
                let decoded = found.expect(frame);
                assert_eq!(decoded.left, None, "{frame}");
                assert_eq!(decoded.readings.len(), values(frame), "{frame}");
                read += decoded.readings.len();
            }
            1013 | 9011..=9015 => assert!(told.expect(frame).status.is_some(), "{frame}"),
            _ => assert!(
                told.is_err_and(|fault| fault.contains("carries no values")),
                "{frame}"
            ),
        }
    }
    assert_eq!((sound.len(), read), (SOUND, READ));
}

/// How many sound frames there are, and values in them.
const SOUND: usize = 86;
const READ: usize = 475;

#[test]
fn every_malformed_frame_is_told_why() {
    let (_, malformed) = collected();
    let expected = [
        ("CRC wrong", "CRC \"3C41\", the data segment's is 3D40"),
        ("one digit altered", "the data segment's is"),
        ("CRC is CRC-16/MODBUS (byte", "it fits modbus-hi"),
        ("CRC is CRC-16/MODBUS sent", "it fits modbus-lo"),
        (
            "length field counts",
            "length says 144 bytes, the data segment has 138",
        ),
        (
            "length field too short",
            "length says 135 bytes, the data segment has 138",
        ),
        ("length field has 3 digits", "length \"138Q\""),
        ("length field is not decimal", "length \"01A4\""),
        ("one # missing", "begins with \"#0138QN"),
        ("closing &&", "no data region"),
        ("no CP region", "no data region"),
        ("CRC field not hexadecimal", "CRC \"XXXX\""),
        ("frame cut: only 2", "cut off"),
        ("frame cut in the middle", "cut off"),
        ("MN missing", "MN is missing"),
        ("DataTime is not a date", "DataTime=20260332080000"),
        ("DataTime missing", "DataTime is missing"),
        ("value not numeric", "left out: a34004-Avg=3 5"),
        ("value NaN", "null"),
        ("Flag says packet numbers", "PNUM"),
        ("PNO greater than PNUM", "PNO=3"),
        ("Flag outside", "Flag=300"),
        ("data segment of 1188", "34 values"),
        ("second header directly", "bytes behind the frame"),
        ("two bytes of line noise", "begins with \"..##"),
    ];
    for (frame, about) in &malformed {
        let row = expected.iter().find(|(start, _)| about.starts_with(start));
        let (_, expected) = row.unwrap_or_else(|| panic!("nothing is expected of {about}"));
        let found = match decode(frame, 600) {
            Err(fault) => fault.to_string(),
            Ok(Decoded {
                left: Some(left), ..
            }) => left,
            Ok(decoded)
                if decoded
                    .readings
                    .iter()
                    .all(|one| one.reading.value.is_none()) =>
            {
                "null".to_owned()
            }
            Ok(decoded) => format!("{} values", decoded.readings.len()),
        };
        assert!(found.contains(expected), "{about}: {found}");
    }
    assert_eq!(malformed.len(), expected.len());
}

/// All of them in one stream, in pieces of seven bytes, the malformed between the sound ones: each sound one comes out.
#[test]
fn sound_frames_come_out_of_a_stream_whatever_is_between_them() {
    let (sound, malformed) = collected();
    let mut stream = Vec::new();
    let between = malformed
        .iter()
        .map(|(frame, _)| *frame)
        .chain(std::iter::repeat(""));
    for (frame, noise) in sound.iter().zip(between) {
        stream.extend_from_slice(frame.as_bytes());
        stream.extend_from_slice(noise.as_bytes());
        stream.extend_from_slice(b"\r\n");
    }
    let mut framer = Framer::new(4_096);
    let mut found = Vec::new();
    for piece in stream.chunks(7) {
        framer.push(piece);
        loop {
            match framer.step(false) {
                Step::Frame(bytes, _) => found.push(String::from_utf8(bytes).expect("text")),
                Step::Bad(_) | Step::Noise(_) => {}
                Step::Wait => break,
            }
        }
    }
    for frame in &sound {
        assert!(found.iter().any(|own| own == frame), "{frame}");
    }
}

/// A frame around a data segment.
pub(crate) fn framed(segment: &str) -> String {
    let check = crc::hj(segment.as_bytes());
    format!("##{:04}{segment}{check:04X}\r\n", segment.len())
}

pub(crate) const LOGGER: &str = "88888880000031";

pub(crate) fn hour(mn: &str, start: &str, values: &str) -> String {
    framed(&format!(
        "QN=20260312110000870;ST=31;CN=2061;PW=123456;MN={mn};Flag=5;CP=&&DataTime={start};{values}&&"
    ))
}

/// Registers a logger and a station.
pub(crate) fn register(folder: &std::path::Path, data: &std::path::Path) {
    for (name, csv) in [
        (
            "loggers",
            format!("mn,uscc,outlets,source,zone,interval_s\n{LOGGER},91999999MA1ABCDE8G,DA001,test,,600\n"),
        ),
        (
            "stations",
            "id,name_zh,name_en,class,longitude,latitude,simulated,source\nS1,甲,A,national,120.5,31.25,false,feed\n"
                .to_owned(),
        ),
    ] {
        let file = folder.join(format!("{name}.csv"));
        std::fs::write(&file, csv).expect("room on the disk");
        run(&["register", "--data", text(data), text(&file)]);
    }
}

/// What is stored of them in the end.
const STORED: [&str; 8] = [
    "88888880000031,a21026,avg,2026-03-12T11:00:00+08:00,3600,14.71,N,raw",
    "88888880000031,a21026,zs_avg,2026-03-12T11:00:00+08:00,3600,15.92,N,raw",
    "88888880000031,a34013,avg,2026-03-12T11:00:00+08:00,3600,3.2,M,raw",
    "88888880000031,a21026,avg,2026-03-12T10:20:00+08:00,600,15,N,raw",
    "S1,pm25,avg,2026-03-12T09:00:00+08:00,3600,35,N,raw",
    "S1,o3,avg,2026-03-12T09:00:00+08:00,3600,54,N,raw",
    "88888880000031,a21026,avg,2026-03-12T12:00:00+08:00,3600,,N,raw",
    "88888880000031,a34013,avg,2026-03-12T12:00:00+08:00,3600,3.3,N,raw",
];

/// What whoever connects the logger sees of its messages.
fn commissioned(daemon: &Daemon) {
    let page = daemon
        .fetch(&format!("/commissioning/{LOGGER}?lang=en"))
        .text;
    for shown in [
        "CN=9015 ST=91 Flag=9 (2025 A)",
        "CN=2061 ST=31 Flag=5 (2017 A)",
        "MN=other;Flag=5;CP=&amp;&amp;DataTime=20260312100000",
        "MN=other, while the topic is that of",
        "2 readings; HJ 212: left out: a21026-Avg=1 4",
        "sign of life",
        "<dd><span",
    ] {
        assert!(page.contains(shown), "{shown}\n{page}");
    }
    assert!(page.contains("PW=***;") && !page.contains("PW=123456"));
    let page = daemon.fetch("/commissioning/S1?lang=zh").text;
    assert!(
        page.contains("最近收到的报文") && page.contains("2 个读数"),
        "{page}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_frame_without_a_check_is_shown_by_its_head() {
    let (folder, data) = seeded(&["jiangyin"]);
    register(folder.path(), &data);
    let own = format!("loggers/{LOGGER} crc=none");
    let daemon = Daemon::start(&data, &[("SKYTIER__HJ212__SOURCES__0", &own)]);
    let mut station = Station::connect(&daemon, "gateway").await;
    let values: Vec<String> = (0..200).map(|n| format!("w{n:05}-Avg=1")).collect();
    let long = hour(LOGGER, "20260312100000", &values.join(";"));
    assert!(long.len() > 2_500);
    let damaged = long.replace("w00000-Avg=1", "w00000-Avg=2");
    let topic = format!("skytier/v1/loggers/{LOGGER}/hj212");
    station.send(&topic, &damaged).await;
    let page = daemon
        .fetch(&format!("/commissioning/{LOGGER}?lang=en"))
        .text;
    for shown in ["CN=2061 ST=31 Flag=5 (2017 A)", "200 readings", "none"] {
        assert!(page.contains(shown), "{shown}\n{page}");
    }
    assert!(!page.contains("no frame of HJ 212 came yet"), "{page}");
    daemon.stop("TERM");
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_over_mqtt_are_stored_kept_or_signs_of_life() {
    let (folder, data) = seeded(&["jiangyin"]);
    register(folder.path(), &data);
    let daemon = Daemon::start(&data, &[]);
    let mut station = Station::connect(&daemon, "gateway").await;
    let logger = format!("skytier/v1/loggers/{LOGGER}/hj212");
    let own = hour(
        LOGGER,
        "20260312100000",
        "a21026-Avg=14.71,a21026-ZsAvg=15.92,a21026-Flag=N;a34013-Avg=3.2,a34013-Flag=M",
    );
    // Twice: a repeat changes nothing.
    station.send(&logger, &own).await;
    station.send(&logger, &own).await;
    let minute = framed(&format!(
        "ST=31;CN=2051;PW=1;MN={LOGGER};CP=&&DataTime=20260312101000;a21026-Avg=15&&"
    ));
    station.send(&logger, &minute).await;
    // An air station: its frames name its own MN, and codes of the six pollutants are theirs.
    let air = hour(
        "3202000E57001F0000220001",
        "20260312080000",
        "a34004-Avg=35,a34004-Flag=N;a05024-Avg=54",
    );
    station.send("skytier/v1/stations/S1/hj212", &air).await;
    // A part that cannot be read is told, the rest stored.
    let partly = hour(
        LOGGER,
        "20260312110000",
        "a21026-Avg=1 4,a21026-Flag=N;a34013-Avg=3.3",
    );
    station.send(&logger, &partly).await;
    // Another logger's frame, a damaged one, a log entry, and one of a logger that is not registered.
    let other = hour("other", "20260312100000", "a21026-Avg=1");
    station.send(&logger, &other).await;
    station.send(&logger, &own.replace("14.71", "24.71")).await;
    let entry = framed(&format!(
        "ST=31;CN=3020;PW=1;MN={LOGGER};Flag=5;CP=&&DataTime=20260312100000;i11001-Info=//清洗//&&"
    ));
    station.send(&logger, &entry).await;
    station.send("skytier/v1/loggers/other/hj212", &other).await;
    // A heartbeat.
    let beat = framed(&format!(
        "QN=1;ST=91;CN=9015;PW=1;MN={LOGGER};Flag=9;CP=&&&&"
    ));
    station.send(&logger, &beat).await;
    let exported = daemon.export();
    for line in STORED {
        assert!(exported.contains(line), "{line}\n{exported}");
    }
    assert!(!exported.contains("24.71"));
    commissioned(&daemon);
    let listed = run(&["dead-letters", "list", "--data", text(&data)]);
    for reason in [
        "left out: a21026-Avg=1 4",
        "MN=other, while the topic is that of 88888880000031",
        "the data segment's is",
        "CN=3020 carries no values",
        "logger \"other\" is not registered",
    ] {
        assert!(listed.contains(reason), "{reason}\n{listed}");
    }
    assert_eq!(daemon.metric("skytier_dead_letters_total"), 4);
    daemon.stop("TERM");
    verify(&data);
}
