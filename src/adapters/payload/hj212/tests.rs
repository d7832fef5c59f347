//! Frames in, readings or faults out; and laws over frames that are damaged or cut.

use proptest::prelude::Just;
use proptest::prelude::any;

use crate::adapters::payload::Decoder;
use crate::adapters::payload::Registered;
use crate::adapters::payload::hj212::Label;
use crate::adapters::payload::hj212::Reading;
use crate::adapters::payload::hj212::Ways;
use crate::adapters::payload::hj212::crc;
use crate::adapters::payload::hj212::crc::Variant;
use crate::adapters::payload::hj212::frame::Frame;
use crate::adapters::payload::hj212::framer::Framer;
use crate::adapters::payload::hj212::framer::Step;
use crate::adapters::payload::hj212::head::Head;
use crate::adapters::payload::topic::Topics;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::names::Source;

/// 2026-03-12T11:00:00+08:00.
const NOW: Instant = Instant::from_unix(1_773_284_400);
const MN: &str = "88888880000031";

/// A frame around a data segment.
fn framed(segment: &str) -> String {
    let check = crc::hj(segment.as_bytes());
    format!("##{:04}{segment}{check:04X}\r\n", segment.len())
}

/// A frame of the logger, with a command and a region.
fn of(cn: u16, region: &str) -> String {
    framed(&format!(
        "QN=20260312110000870;ST=31;CN={cn};PW=123456;MN={MN};Flag=5;CP=&&{region}&&"
    ))
}

/// Each reading in a line; `+` and what could not be read in the last one.
fn read(decoder: &Decoder, topic: &str, frame: &[u8], registered: Registered) -> String {
    let target = Topics::default().target(topic).expect("a topic of ours");
    match decoder.decode(&target, frame, registered, NOW) {
        Err(fault) => format!("{}: {fault}", fault.word()),
        Ok(decoded) => {
            let zone = Zone::beijing();
            let lines = decoded.readings.iter().map(|one| {
                let (key, own) = (&one.key, &one.reading);
                let value = own
                    .value
                    .map_or("null".to_owned(), |value| value.to_string());
                let at = zone.local(own.time).format("%d %H:%M:%S");
                format!(
                    "{} {} {at} {} {value} {} {}",
                    key.factor,
                    key.stat,
                    key.interval_s,
                    own.flag,
                    own.qc.key()
                )
            });
            let status = decoded.status.map(|status| format!("{status:?}"));
            let left = decoded.left.map(|left| format!("+ {left}"));
            lines
                .chain(status)
                .chain(left)
                .collect::<Vec<_>>()
                .join("\n")
        }
    }
}

fn check(frame: &str, expected: &str) {
    let topic = format!("skytier/v1/loggers/{MN}/hj212");
    let found = read(
        &Decoder::default(),
        &topic,
        frame.as_bytes(),
        registered(Some(600)),
    );
    assert_eq!(found, expected, "{frame}");
}

#[test]
fn periods_are_stored_by_their_end_and_moments_by_their_stamp() {
    check(
        &of(
            2061,
            "DataTime=20260312100000;a21026-Min=13.60,a21026-Avg=14.71,a21026-ZsAvg=15.92,a21026-Cou=2.5473,a21026-Flag=N",
        ),
        "a21026 min 12 11:00:00 3600 13.6 N passed\na21026 avg 12 11:00:00 3600 14.71 N passed\n\
         a21026 zs_avg 12 11:00:00 3600 15.92 N passed\na21026 cou 12 11:00:00 3600 2.5473 N passed",
    );
    check(
        &of(
            2051,
            "DataTime=20260312101000;a34013-Avg=3.22,a34013-Flag=D",
        ),
        "a34013 avg 12 10:20:00 600 3.22 D passed",
    );
    check(
        &of(2031, "DataTime=20260311000000;a00000-Cou=1512.0"),
        "a00000 cou 12 00:00:00 86400 1512 N passed",
    );
    check(
        &of(
            2011,
            "DataTime=20260312101530;w01001-Rtd=7.1;w01018-SampleTime=20260312080000,w01018-Rtd=2.2,w01018-EFlag=A01",
        ),
        "w01001 rtd 12 10:15:30 0 7.1 N passed\nw01018 rtd 12 08:00:00 0 2.2 N passed",
    );
    check(
        &of(2021, "DataTime=20260312101530;SB1-RS=1;SB2-RS=5"),
        "sb1 rs 12 10:15:30 0 1 N passed\nsb2 rs 12 10:15:30 0 5 N passed",
    );
    check(
        &of(2041, "DataTime=20260311000000;SB1-RT=1.1"),
        "sb1 rt 12 00:00:00 86400 1.1 N passed",
    );
    check(&of(9015, ""), "Online");
}

#[test]
fn loggers_are_read_as_they_send() {
    // Parted by the other letter, blanks, an order of its own, codes of 2005, milliseconds, no flag, no QN.
    check(
        &framed(&format!(
            "ST=32;MN={MN},;PW=123456;,CN=2011;CP=&&DataTime=20160824003817000,B01-Rtd=36.91; 011-Rtd=231.0;011-Flag=N,;&&"
        )),
        "w00000 rtd 24 00:38:17 0 36.91 N passed\nw01018 rtd 24 00:38:17 0 231 N passed",
    );
    // Missing values are null, never 0; a flag alone is a value that is missing.
    check(
        &of(
            2061,
            "DataTime=20260312100000;a1-Avg=,a1-Flag=M;a2-Avg=--;a3-Avg=****;a4-Avg=NaN;a5-Flag=B",
        ),
        "a1 avg 12 11:00:00 3600 null M passed\na2 avg 12 11:00:00 3600 null N passed\n\
         a3 avg 12 11:00:00 3600 null N passed\na4 avg 12 11:00:00 3600 null N passed\na5 avg 12 11:00:00 3600 null B passed",
    );
    // What cannot be read is named; the rest is stored.
    check(
        &of(
            2061,
            "DataTime=20260312100000;a1-Avg=3 5;a2-Avg=1;a2-Avg=2;a3-Avg=1;a3-Avg=1;a4-Rtd-Rtd=1;a5-Avg=1,a5-Flag=hello;a6-Foo=1;x",
        ),
        "a1 avg 12 11:00:00 3600 null N passed\na2 avg 12 11:00:00 3600 null N passed\na3 avg 12 11:00:00 3600 1 N passed\n\
         + HJ 212: left out: a1-Avg=3 5: not a decimal number; a2-Avg, which is given twice with different values; \
         \"a6-Foo\", which is no statistic; \"x\", which is no NAME=VALUE; and 2 more; the rest is stored",
    );
}

/// The sound segment that faults are made from.
fn segment() -> String {
    format!("ST=31;CN=2061;PW=1;MN={MN};Flag=4;CP=&&DataTime=20260312100000;a1-Avg=1&&")
}

fn check_fault(frame: &str, expected: &str) {
    let topic = format!("skytier/v1/loggers/{MN}/hj212");
    let ten = registered(Some(600));
    let found = read(&Decoder::default(), &topic, frame.as_bytes(), ten);
    assert!(found.contains(expected), "{frame}\n{found}\n{expected}");
}

fn registered(interval_s: Option<u32>) -> Registered {
    Registered {
        zone: None,
        interval_s,
    }
}

#[test]
fn bytes_that_are_no_frame_say_where() {
    let (segment, sound) = (segment(), framed(&segment()));
    let digits = sound.trim_end().len() - 4;
    let begins = "hj212_frame: HJ 212: begins with \"hello\"";
    check_fault("hello", begins);
    check_fault("", "begins with \"\"");
    check_fault(&format!("..{sound}"), "begins with \"..##");
    check_fault(&sound.replacen("##00", "##0A", 1), "length \"0A");
    check_fault(&sound.replacen("##00", "##01", 1), "data segment has");
    check_fault(&sound[..40], "cut off, 40 bytes of");
    check_fault(&sound[..8], "cut off, 8 bytes of");
    check_fault(&format!("{sound}{sound}"), "bytes behind the frame");
    let crc = "hj212_crc: HJ 212: CRC \"0000\", the data segment's is";
    check_fault(&format!("{}0000", &sound[..digits]), crc);
    check_fault(&format!("{}XY00", &sound[..digits]), "CRC \"XY00\"");
    check_fault(&format!("##9999{segment}0000"), "at most 4096 are read");
}

#[test]
fn every_field_at_fault_is_named() {
    for (fields, expected) in [
        ("ST=31", "no data region"),
        ("ST=31;CP=&&", "no data region"),
        ("CN=2061;CP=&&&&", "MN is missing"),
        ("MN=;CN=2061;CP=&&&&", "MN is missing"),
        ("MN=a/b;CN=2061;CP=&&&&", "MN: source \"a/b\" is not"),
        ("MN=@;CP=&&&&", "CN is missing"),
        ("MN=@;CN=20611;CP=&&&&", "CN=20611; four digits"),
        ("MN=@;MN=x;CN=2061;CP=&&&&", "MN is given twice"),
        ("MN=@;CN=2061;Flag=300;CP=&&&&", "Flag=300; 0 to 255"),
        ("MN=@;CN=2061;Flag=7;CP=&&&&", "PNUM, which Flag says"),
        (
            "MN=@;CN=2061;PNUM=2;PNO=3;CP=&&&&",
            "PNO=3; a number from 1",
        ),
        ("QN=1 2;MN=@;CN=2061;CP=&&&&", "QN=1 2; a short text"),
        (
            "PW=12 34;MN=@;CN=2061;CP=&&&&",
            "PW=***; a short text of printable letters",
        ),
        (
            "MN=other;CN=2061;CP=&&&&",
            "hj212_mn: HJ 212: MN=other, while the topic is that of 88888880000031",
        ),
        ("MN=@;CN=2061;CP=&&{0x32}-Flag=N&&", "encrypted"),
    ] {
        check_fault(&framed(&fields.replace('@', MN)), expected);
    }
}

#[test]
fn every_region_at_fault_says_what_would_be_right() {
    let at = "DataTime=20260312100000";
    for (cn, region, expected) in [
        (
            3020,
            "i11001-Info=//清洗管路//",
            "CN=3020 carries no values",
        ),
        (2061, "a1-Avg=1", "DataTime is missing"),
        (
            2061,
            "DataTime=20260332080000;a1-Avg=1",
            "time: HJ 212: DataTime=20260332080000; give 14 digits",
        ),
        (2061, "DataTime=2026;a1-Avg=1", "DataTime=2026; give"),
        (
            2061,
            "DataTime=20260312100001;a1-Avg=1",
            "not where a period of 3600 s begins (CN=2061)",
        ),
        (
            2051,
            "DataTime=20260312100300;a1-Avg=1",
            "not where a period of 600 s begins (CN=2051)",
        ),
        (
            2031,
            "DataTime=20260312010000;a1-Avg=1",
            "not where a period of 86400 s begins",
        ),
        (2061, at, "empty: no values"),
        (
            2061,
            &format!("{at};A%-Avg=1"),
            "value: HJ 212: left out: factor \"a%\"",
        ),
    ] {
        check_fault(&of(cn, region), expected);
    }
}

/// Reads frames with ways of one source's own.
fn with(source: &str, own: Ways) -> Decoder {
    let source = Source::parse(source).expect("a source");
    Decoder::default().with_hj212(Reading {
        own: [(source, own)].into(),
        ..Reading::default()
    })
}

#[test]
fn how_long_minutes_are_is_set_or_registered() {
    let topic = format!("skytier/v1/loggers/{MN}/hj212");
    let source = Source::parse(&format!("loggers/{MN}")).expect("a source");
    let minute = of(2051, "DataTime=20260312101000;a1-Avg=1");
    let ways = |minute_interval_s| Ways {
        minute_interval_s,
        ..Ways::default()
    };
    let unknown = "interval: HJ 212: the length of minute records";
    for (own, common, interval_s, expected) in [
        (None, None, None, unknown),
        // An hour is no length of minute records.
        (None, None, Some(3_600), unknown),
        (None, None, Some(60), "a1 avg 12 10:11:00 60 1 N passed"),
        (None, Some(300), Some(3_600), "a1 avg 12 10:15:00 300 1 N"),
        (
            None,
            Some(300),
            Some(60),
            "a1 avg 12 10:11:00 60 1 N passed",
        ),
        (Some(600), Some(300), Some(60), "a1 avg 12 10:20:00 600 1 N"),
    ] {
        let decoder = Decoder::default().with_hj212(Reading {
            common: ways(common),
            own: [(source.clone(), ways(own))].into(),
            ..Reading::default()
        });
        let found = read(&decoder, &topic, minute.as_bytes(), registered(interval_s));
        assert!(found.starts_with(expected), "{found}");
    }
}

#[test]
fn another_check_label_or_zone_is_that_of_the_source() {
    let topic = format!("skytier/v1/loggers/{MN}/hj212");
    let logger = format!("loggers/{MN}");
    let hour = of(2061, "DataTime=20260312100000;a1-Avg=1");
    let strict = Ways {
        crc: vec![Variant::ModbusHigh],
        ..Ways::default()
    };
    let found = read(
        &with(&logger, strict),
        &topic,
        hour.as_bytes(),
        registered(None),
    );
    let hint = "it fits hj: accept that by hj212.crc = \"hj\"";
    assert!(found.ends_with(hint), "{found}");
    let ends = Ways {
        label: Label::End,
        ..Ways::default()
    };
    let found = read(
        &with(&logger, ends),
        &topic,
        hour.as_bytes(),
        registered(None),
    );
    assert_eq!(found, "a1 avg 12 10:00:00 3600 1 N passed");
    let other = "##0138QN=20260312090003412;ST=22;CN=2061;PW=123456;MN=3202000E57001F0000220001;Flag=5;CP=&&\
                 DataTime=20260312080000;a34004-Avg=35,a34004-Flag=N&&E126";
    let behind = Registered {
        zone: Zone::parse("+07:00"),
        interval_s: None,
    };
    let station = "skytier/v1/stations/S1/hj212";
    let found = read(&Decoder::default(), station, other.as_bytes(), behind);
    assert!(found.contains("it fits modbus-hi"), "{found}");
    let both = Ways {
        crc: vec![Variant::Hj, Variant::ModbusHigh],
        ..Ways::default()
    };
    // 08:00 of a zone an hour behind Beijing begins at its 09:00.
    let found = read(
        &with("stations/S1", both),
        station,
        other.as_bytes(),
        behind,
    );
    assert_eq!(found, "pm25 avg 12 10:00:00 3600 35 N passed");
}

/// Everything a framer finds in pieces of a stream.
fn steps(pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) -> (Vec<String>, usize) {
    let mut framer = Framer::new(4_096);
    let (mut frames, mut held) = (Vec::new(), 0);
    for piece in pieces {
        framer.push(piece.as_ref());
        loop {
            match framer.step(false) {
                Step::Frame(bytes, _) => frames.push(String::from_utf8_lossy(&bytes).into_owned()),
                Step::Bad(_) | Step::Noise(_) => {}
                Step::Wait => break,
            }
        }
        held = held.max(framer.held());
    }
    (frames, held)
}

#[test]
fn frames_are_found_in_noise() {
    let one = of(2061, "DataTime=20260312100000;a1-Avg=1");
    let whole = one.trim_end();
    for (stream, expected) in [
        (one.clone(), 1),
        (format!("{whole}{whole}\n{whole}\r\r\n{whole}"), 4),
        (format!("noise#{whole}##"), 1),
        (format!("####{whole}"), 1),
        (format!("##9999{whole}"), 1),
        (format!("##01x4{whole}"), 1),
        (format!("{}{whole}{whole}", &whole[..30]), 2),
        // A length that swallows the next frame: it is found behind the head of the first.
        (
            format!("{}{whole}", whole.replacen("##0109", "##0209", 1)),
            1,
        ),
        (whole.replacen("a1-Avg=1", "a1-Avg=2", 1), 0),
        ("#".repeat(5_000), 0),
    ] {
        let (frames, _) = steps([&stream]);
        assert_eq!(frames.len(), expected, "{stream}: {frames:?}");
        assert!(frames.iter().all(|frame| frame == whole), "{frames:?}");
    }
}

/// A frame whose region is encrypted; `close` is its brace.
fn sealed(cn: u16, close: &str) -> String {
    let region = ["0x1A"; 16].join(",");
    let segment = format!("QN=1;ST=31;CN={cn};PW=1;MN={MN};Flag=9;CP=&&{{{region}{close}&&");
    format!("##0086{segment}8081")
}

#[test]
fn glued_frames_of_both_kinds_come_out_one_by_one() {
    let plain = |cn| of(cn, "").trim_end().to_owned();
    let kinds = [
        plain(9015),
        plain(1013),
        sealed(2011, "}"),
        sealed(2061, "}"),
    ];
    for at in 0..256_usize {
        let order = [at % 4, at / 4 % 4, at / 16 % 4, at / 64];
        let order = order.map(|kind| kinds[kind].clone());
        for between in ["", "\r\n", "noise"] {
            let (frames, _) = steps([order.join(between)]);
            assert_eq!(frames, order, "{between:?}");
        }
    }
    // A damaged one of either kind takes no other with it, nor passes unchecked.
    let damaged = [
        kinds[0].replacen("CN=9015", "CN=9016", 1),
        sealed(2011, ""),
        sealed(2011, "}").replace("&&8081", ""),
        sealed(2011, "}").replace("&&8081", "&&80"),
    ];
    for bad in damaged {
        for sound in &kinds {
            let (frames, _) = steps([format!("{bad}{sound}")]);
            assert_eq!(frames, [sound.as_str()], "{bad}");
        }
    }
    // Two in one message are none.
    let both = format!("{}{}", kinds[0], kinds[2]);
    check_fault(&both, "bytes behind the frame");
}

#[test]
fn what_is_no_frame_costs_one_look_at_what_it_claims() {
    for (unit, said) in [("##1000", 1_000), ("##4096", 4_096), ("##0008ABCD", 8)] {
        let mut framer = Framer::new(4_096);
        let mut candidates = 0;
        for piece in unit.repeat(2_000).as_bytes().chunks(4_096) {
            framer.push(piece);
            loop {
                match framer.step(false) {
                    Step::Bad(_) => candidates += 1,
                    Step::Frame(..) => panic!("{unit} is no frame"),
                    Step::Noise(_) => {}
                    Step::Wait => break,
                }
            }
        }
        assert!(candidates > 1_000, "{unit}: {candidates}");
        assert_eq!(framer.checked_bytes(), candidates * said, "{unit}");
    }
}

proptest::proptest! {
    /// What passes without a check is encrypted: its check is that of the plain text.
    #[test]
    fn only_encrypted_frames_go_unchecked(
        segment in "(MN=M;CN=2011;|CP=&&|CP=&&\\{|0x1A,|\\}|&&|##0010|[A-Za-z=;]{1,4}){0,12}",
        said in proptest::option::of(0..80_usize),
    ) {
        let said = said.unwrap_or(segment.len());
        let bytes = format!("##{said:04}{segment}8081");
        if let Ok(frame) = Frame::whole(bytes.as_bytes(), 4_096, &[Variant::Hj])
            && let Ok(head) = Head::read(frame.segment)
        {
            proptest::prop_assert!(frame.crc.is_some() || head.encrypted);
        }
    }

    /// Wherever a stream is cut into pieces, the same frames come out, and no more is held than the largest frame.
    #[test]
    fn a_stream_says_the_same_however_it_is_cut(
        parts in proptest::collection::vec(
            proptest::prop_oneof![
                Just(of(2061, "DataTime=20260312100000;a1-Avg=1")),
                Just(of(2011, "DataTime=20260312101530;SB1-RS=1")),
                Just("##0101QN=cut".to_owned()),
                Just("##9999".to_owned()),
                "[#0-9\r\n&=a]{0,12}",
            ],
            0..8,
        ),
        cuts in proptest::collection::vec(1..40_usize, 1..200),
    ) {
        let stream = parts.concat().into_bytes();
        let (whole, _) = steps([&stream]);
        let mut rest = &stream[..];
        let mut pieces = Vec::new();
        for cut in cuts {
            let (piece, behind) = rest.split_at(cut.min(rest.len()));
            pieces.push(piece);
            rest = behind;
        }
        pieces.push(rest);
        let (cut, held) = steps(pieces);
        proptest::prop_assert_eq!(whole, cut);
        proptest::prop_assert!(held <= 4_096 + 10 + stream.len().min(6_000));
    }

    /// A frame whose numbers are written by us gives them back exactly, whatever stands in which order.
    #[test]
    fn values_come_back_as_they_were_written(
        values in proptest::collection::vec((0..100_000_i64, 0..6_u32), 1..30),
        order in any::<bool>(),
        parted in proptest::sample::select(vec![",", ";", ",;", "; "]),
    ) {
        let mut items: Vec<String> = values.iter().enumerate().map(|(n, (value, decimals))| {
            let scale = 10_i64.pow(*decimals);
            format!("w{n:05}-Avg={}.{:0width$}", value / scale, value % scale, width = *decimals as usize)
        }).collect();
        items.push("DataTime=20260312100000".to_owned());
        if order {
            items.reverse();
        }
        let frame = of(2061, &items.join(parted));
        let target = Topics::default().target(&format!("skytier/v1/loggers/{MN}/hj212")).expect("a topic");
        let decoded = Decoder::default().decode(&target, frame.as_bytes(), Registered::default(), NOW);
        let decoded = decoded.expect("sound");
        proptest::prop_assert_eq!(decoded.left, None);
        proptest::prop_assert_eq!(decoded.readings.len(), values.len());
        for one in decoded.readings {
            let n: usize = one.key.factor.as_str()[1..].parse().expect("a number");
            let (value, decimals) = values[n];
            let micros = value * 10_i64.pow(6 - decimals);
            proptest::prop_assert_eq!(one.reading.value.map(|value| value.micros()), Some(micros));
        }
    }

    /// Damage is a fault or other readings, never a panic; and a changed byte alone never passes as sound twice.
    #[test]
    fn damaged_frames_never_panic(at in 0..200_usize, byte in any::<u8>(), cut in 0..200_usize) {
        let mut frame = of(2061, "DataTime=20260312100000;a21026-Avg=14.71,a21026-Flag=N").into_bytes();
        let at = at % frame.len();
        frame[at] = byte;
        frame.truncate(frame.len() - cut % frame.len());
        let topic = format!("skytier/v1/loggers/{MN}/hj212");
        let found = read(&Decoder::default(), &topic, &frame, Registered::default());
        proptest::prop_assert!(!found.is_empty());
    }
}
