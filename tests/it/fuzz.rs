//! Bytes from outside, mutated from sound ones without end: whatever comes, nothing panics and memory stays bounded.
//!
//! Each target runs in a process of its own under a limit of memory. `SKYTIER_FUZZ` says how many times the short
//! form's inputs each gets (`make fuzz`). `SKYTIER_FUZZ_SEED` names the seed, which is printed. The bytes of blocks and
//! commits by themselves, without the checksums around them, are the laws of their modules. MQTT packets over
//! sockets are in `mqtt::limits`, by the same setting.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use skytier::adapters::credit_events;
use skytier::adapters::credit_events::official_list;
use skytier::adapters::layout;
use skytier::adapters::layout::Layout;
use skytier::adapters::mapping::Mapped;
use skytier::adapters::mapping::Maps;
use skytier::adapters::payload::Decoder;
use skytier::adapters::payload::READINGS_MAX;
use skytier::adapters::payload::hj212::framer::Framer;
use skytier::adapters::payload::hj212::framer::Step;
use skytier::adapters::payload::topic::Topics;
use skytier::adapters::store::Stores;
use skytier::adapters::store::embedded::Access;
use skytier::adapters::store::embedded::Embedded;
use skytier::adapters::store::embedded::tuning::Tuning;
use skytier::adapters::tables;
use skytier::adapters::tables::KINDS;
use skytier::adapters::tables::Rules;
use skytier::adapters::tables::Signature;
use skytier::adapters::tables::Table;
use skytier::adapters::tables::decisions_of_csv;
use skytier::app::exclusions;
use skytier::app::qc_rules;
use skytier::app::seeds;
use skytier::app::standards;
use skytier::domain::calendar::Instant;
use skytier::domain::calendar::Zone;
use skytier::domain::registry::Registry;
use skytier::ports::Batch;
use skytier::ports::Range;
use skytier::ports::Series;

use crate::hj212::collected;
use crate::simulation::chance::Chance;
use crate::support::number;

const SEED: u64 = 20_200_729;
/// Set for a process that does the fuzzing.
const CHILD: &str = "SKYTIER_TEST_FUZZED";
/// Address space of such a process, KiB.
const SPACE_KIB: u64 = 3_000_000;
/// Most memory it may ever have resident, KiB.
const RESIDENT_KIB_MAX: u64 = 200_000;
/// Longest input, in bytes.
const INPUT_BYTES_MAX: usize = 600_000;

/// Pieces that mean something to one reader or another.
const TOKENS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ",",
    ":",
    "null",
    "true",
    "-",
    "1e999",
    "-0",
    "0.0000001",
    "\\u0000",
    "\u{feff}",
    "\\",
    "99999999999999999999",
    "\n",
    "\r\n",
    ";",
    "/",
    "time",
    "values",
    "2020-01-01T13:00:00+08:00",
    "24:00",
    "\u{0}",
    "虹",
    "9223372036854775808",
    "--",
    "NA",
    "N",
    "\"\"",
];

/// A sound input, damaged in some places.
fn mutated(corpus: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = corpus[chance.index(corpus.len())].clone();
    for _ in 0..=chance.below(6) {
        let at = chance.index(bytes.len() + 1);
        match chance.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << chance.below(8),
            1 if at < bytes.len() => bytes[at] = chance.below(256).to_le_bytes()[0],
            2 => bytes.truncate(at),
            3 => {
                let end = at + chance.index(bytes.len() - at + 1);
                drop(bytes.drain(at..end));
            }
            4 => {
                let other = &corpus[chance.index(corpus.len())];
                let from = chance.index(other.len() + 1);
                bytes.splice(at..at, other[from..].iter().copied());
            }
            5 => {
                // Many times over, so that limits are passed.
                let end = at + chance.index((bytes.len() - at).min(40) + 1);
                let piece = bytes[at..end].repeat(1 << chance.below(10));
                bytes.splice(at..at, piece);
            }
            _ => {
                let token = TOKENS[chance.index(TOKENS.len())];
                bytes.splice(at..at, token.bytes());
            }
        }
        bytes.truncate(INPUT_BYTES_MAX);
    }
    bytes
}

/// Most memory this process ever had resident.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("this process");
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let peak = line.and_then(|line| line.split_whitespace().nth(1));
    peak.and_then(|peak| peak.parse().ok()).expect("a peak")
}

/// Runs a target in a process of its own on as many inputs as asked for.
fn fuzz(target: &str, short: u64, corpus: &[Vec<u8>], mut one: impl FnMut(&[u8])) {
    let seed = number("SKYTIER_FUZZ_SEED", SEED);
    if std::env::var_os(CHILD).is_some() {
        let inputs = short * number("SKYTIER_FUZZ", 1);
        let mut chance = Chance::new(seed);
        for _ in 0..inputs {
            one(&mutated(corpus, &mut chance));
        }
        println!(
            "\n{target}: {inputs} inputs of seed {seed}, at most {} KiB",
            peak_kib()
        );
        assert!(peak_kib() < RESIDENT_KIB_MAX, "{} KiB", peak_kib());
        return;
    }
    let own = std::env::current_exe().expect("this program");
    let limited = format!("ulimit -v {SPACE_KIB}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.arg("-c").arg(limited).arg(own);
    command.args([
        "--exact",
        &format!("fuzz::{target}"),
        "--nocapture",
        "--test-threads=1",
    ]);
    let ran = command
        .env(CHILD, "1")
        .output()
        .expect("this program again");
    let [said, cause] =
        [ran.stdout, ran.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(
        ran.status.success() && said.contains("inputs of seed"),
        "seed {seed}: {cause}"
    );
    println!(
        "{}",
        said.lines()
            .find(|line| line.contains("inputs of seed"))
            .unwrap_or_default()
    );
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

#[test]
fn payloads() {
    let record = r#"{"time":"2020-01-01T13:00:00+08:00","interval_s":60,"values":{"pm25":1.5,"co":0.6,"o3":null}}"#;
    let many = format!("[{}]", vec![record; 50].join(","));
    let corpus = texts(&[
        record,
        &many,
        r#"{"time":"2020-01-01T13:00:00+08:00","values":{"a21026":{"avg":12.1,"zs_avg":14.0,"cou":1.72}},"flags":{"a21026":"M"}}"#,
        r#"{"time":"2020-01-01T13:00:00","interval_s":3600,"values":{"pm25":-40.700001},"flags":{"o3":"D"}}"#,
        "online",
    ]);
    let decoder = Decoder::new(1 << 18, qc_rules::rules().expect("sound rules"));
    let targets = [
        "stations/s/readings",
        "loggers/m/readings",
        "stations/s/status",
    ];
    let targets = targets.map(|name| {
        Topics::default()
            .target(&format!("skytier/v1/{name}"))
            .expect("a target")
    });
    let now = Instant::from_unix(1_600_000_000);
    fuzz("payloads", 20_000, &corpus, |bytes| {
        for (target, zone) in targets.iter().zip([None, Some(Zone::beijing()), None]) {
            match decoder.decode(target, bytes, zone, now) {
                Ok(decoded) => assert!(decoded.readings.len() <= READINGS_MAX),
                Err(fault) => assert!(fault.to_string().len() < 1_000, "{fault}"),
            }
        }
    });
}

#[test]
fn mapped_messages() {
    let corpus = texts(&[
        r#"{"Time":"2026-03-12T09:15:00","BME280":{"Temperature":20.5,"Pressure":"977.0"},"SDS0X1":{"PM2.5":5.8,"PM10":1.18e1}}"#,
        r#"{"Time":"2026-03-12T09:15:00","BME280":{"Pressure":"-.123456789012345678"}}"#,
        r#"{"sensordatavalues":[{"value_type":"SDS_P1","value":"4.40"},{"value_type":"BME280_pressure","value":"100850.00"}]}"#,
        r#"{"pm02":7,"pm10":8,"atmp":25.87,"rhum":43}"#,
    ]);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/devices");
    let maps = Maps::of(&folder).expect("sound files");
    let (rules, now) = (
        qc_rules::rules().expect("sound rules"),
        Instant::from_unix(1_600_000_000),
    );
    fuzz("mapped_messages", 10_000, &corpus, |bytes| {
        for topic in ["tele/a/SENSOR", "airrohr/a", "airgradient/readings/a"] {
            match maps.read((topic, bytes), 1 << 18, |_| None, now, &rules) {
                Some(Mapped::Readings(_, readings, _)) => assert!(!readings.is_empty()),
                Some(Mapped::Unusable(_, why)) => assert!(!why.is_empty()),
                None => panic!("{topic} has a file"),
            }
        }
    });
}

#[test]
fn frames() {
    let (sound, malformed) = collected();
    let all = sound
        .into_iter()
        .chain(malformed.into_iter().map(|(frame, _)| frame));
    let corpus: Vec<Vec<u8>> = all.map(|frame| frame.as_bytes().to_vec()).collect();
    let decoder = Decoder::new(1 << 18, qc_rules::rules().expect("sound rules"));
    let target = Topics::default().target("skytier/v1/stations/s/hj212");
    let target = target.expect("a target");
    let now = Instant::from_unix(1_600_000_000);
    fuzz("frames", 10_000, &corpus, |bytes| {
        match decoder.decode(&target, bytes, None, now) {
            Ok(decoded) => assert!(decoded.readings.len() <= READINGS_MAX),
            Err(fault) => assert!(fault.to_string().len() < 1_000, "{fault}"),
        }
        let mut framer = Framer::new(4_096);
        for piece in bytes.chunks(1_000) {
            framer.push(piece);
            loop {
                match framer.step(false) {
                    Step::Frame(frame, _) => assert!(frame.len() < 22_000),
                    Step::Bad(_) | Step::Noise(_) => {}
                    Step::Wait => break,
                }
            }
            assert!(framer.held() < 22_000, "{}", framer.held());
        }
    });
}

#[test]
fn topics() {
    let corpus = texts(&[
        "skytier/v1/stations/Dongsi/readings",
        "skytier/v1/loggers/010000A8/status",
        "skytier/v1/stations/虹桥邮政/readings",
    ]);
    fuzz("topics", 50_000, &corpus, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let topics = Topics::default();
        if let Some(target) = topics.target(&text) {
            assert_eq!(topics.topic(&target), text);
        }
    });
}

#[test]
fn ledger_lines() {
    let corpus = texts(&[
        r#"{"op":"list","subject":"91999999MA1ABCDE8G","date":"2026-01-05","captured_at":"2026-01-05T09:00:00+08:00"}"#,
        r#"{"op":"record","id":"r1","subject":"91999999MA1ABCDE8G","site":null,"code":"D03","case":"c1","doc_no":"1","doc_date":"2026-05-06","served":"2026-05-08","authority":"a","evidence_sha256":null,"captured_at":"2026-05-09T09:00:00+08:00"}"#,
        r#"{"op":"repair","id":"r1","approved":"2026-08-22","captured_at":"2026-08-22T09:00:00+08:00"}"#,
    ]);
    fuzz("ledger_lines", 20_000, &corpus, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Ok(event) = credit_events::from_line(&text) {
            let again = credit_events::from_line(&credit_events::to_line(&event));
            assert_eq!(again.ok(), Some(event));
        }
    });
}

/// A folder of memory, where there is one.
fn scratch() -> tempfile::TempDir {
    let within = tempfile::TempDir::new_in("/dev/shm").or_else(|_| tempfile::TempDir::new());
    within.expect("a temporary folder")
}

#[test]
fn recorded_files() {
    let corpus = texts(&[
        "station,time,interval_s,pm25,pm10,so2,no2,co,o3\nA,2020-01-01T13:00:00+08:00,3600,1.5,2,,4,0.5,6\n\
         A,2020-01-01T14:00:00+08:00,3600,1.5,2,3,4,0.5,\n",
        "No,year,month,day,hour,PM2.5,PM10,SO2,NO2,CO,O3,TEMP,PRES,DEWP,RAIN,wd,WSPM,station\n\
         1,2013,3,1,0,4,4,4,7,300,77,-0.7,1023,-18.8,0,NNW,4.4,Dongsi\n\
         2,2013,3,1,1,8,8,4,7,300,NA,-1.1,1023.2,-18.2,0,N,4.7,Dongsi\n",
    ]);
    let folder = scratch();
    let files = ["file.csv", "file.csv.gz"].map(|name| folder.path().join(name));
    fuzz("recorded_files", 3_000, &corpus, |bytes| {
        for (file, layout) in files.iter().zip([Layout::Canonical, Layout::BeijingUci]) {
            fs::write(file, bytes).expect("room");
            for layout in [layout, Layout::Canonical] {
                if let Ok(rows) = layout::open(file, layout) {
                    let faults = rows.filter(|row| row.is_err()).count();
                    assert!(faults <= 1, "after a fault there is nothing more");
                }
            }
        }
    });
}

/// Every table of the registry, against what the seeds register; what is taken is printed and read again the same.
#[test]
fn registry_tables() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds/jiangyin");
    let seed = |name: &str| fs::read(seeds.join(format!("{name}.csv"))).expect(name);
    let mut corpus: Vec<Vec<u8>> = ["stations", "groups", "grid", "targets", "published"]
        .map(seed)
        .to_vec();
    corpus.extend(texts(&[
        "id,place,from,to,pollutants,statistics,reason,document,decided_on,revoked_on\nd1,group:city,2020-03-01,2020-03-02,pm25|pm10,mean,dust,doc,2020-04-01,\n",
        "station,pollutant,from,to,document\n1999A,so2,2026-01-01,,plan\n",
        "division_code,name_zh,name_en,period,item,value,edition,source\n999901,示例甲区,Example A,2015,pm25_mean,61.0,2012,example\n",
        "mn,uscc,outlets,source,zone,interval_s\n010000A8900016F000169DC0,91999999MA1X00076E,DA001|DA002,feed,+08:00,60\n",
    ]));
    let editions = standards::editions().expect("editions");
    let reasons = exclusions::reasons().expect("reasons");
    let none = Registry::default();
    let known = seeds::registry("jiangyin").expect("a seed");
    fuzz("registry_tables", 400, &corpus, |bytes| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        for kind in &KINDS {
            for registered in [&none, &known] {
                let table = Table {
                    kind,
                    file: "t.csv".to_owned(),
                    text: text.clone(),
                };
                let rules = Rules {
                    editions: &editions,
                    reasons: &reasons,
                };
                let Ok(entries) = tables::read(&[table], registered, rules) else {
                    continue;
                };
                let mut printed = Vec::new();
                kind.write(&entries, &mut printed).expect("printed");
                let table = Table {
                    kind,
                    file: "again".to_owned(),
                    text: String::from_utf8(printed).expect("UTF-8"),
                };
                let again = tables::read(&[table], registered, rules);
                assert_eq!(
                    again.map(|again| kind.rows(&again)),
                    Ok(kind.rows(&entries))
                );
            }
        }
    });
}

#[test]
fn official_lists() {
    let corpus = texts(&[
        "评价结果公示,,\n统一社会信用代码,企业名称,信用等级\n91999999MA1ABCDE8G,示例厂,蓝色\n91999999MA1X00076E,另一厂,红色等级\n",
        "uscc,name,site,tier\n91999999MA1ABCDE8G,A works,east,green\n91999999MA1ABCDE8G,A works,west,black\n",
        ",企业,,评价\n序号,统一社会信用代码,名称,结果\n1,91999999MA1ABCDE8G,示例厂,不评级\n",
    ]);
    fuzz("official_lists", 20_000, &corpus, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        match official_list::read(text.as_bytes()) {
            Ok(list) => assert!((1..=official_list::ROWS_MAX).contains(&list.rows.len())),
            Err(faults) => assert!(!faults.is_empty()),
        }
    });
}

#[test]
fn review_tables() {
    let corpus = texts(&[
        "source,factor,stat,interval_s,time,from,to,decision,value,reason\n\
         Dongsi,pm25,,,2016-12-01T05:00:00+08:00,,,void,,zero check until 05:00\n\
         Dongsi,pm25,avg,3600,,2016-12-01T05:00:00+08:00,2016-12-01T07:00:00+08:00,correct,12.5,span drift\n",
    ]);
    fuzz("review_tables", 20_000, &corpus, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let signature = Signature {
            reviewer: "Li Na",
            decided_at: Instant::from_unix(1_600_000_000),
        };
        if let Err(faults) = decisions_of_csv("t.csv", &text, signature) {
            assert!(!faults.is_empty());
        }
    });
}

fn file_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(name)
}

/// The files of a store with blocks and with commits that wait to be merged.
fn store_files() -> (Vec<u8>, Vec<u8>) {
    let folder = scratch();
    let mut tuning = Tuning::for_testing();
    tuning.idle_values_min = usize::MAX;
    tuning.busy_values_min = usize::MAX;
    tuning.waiting_values_max = usize::MAX;
    tuning.waiting_s_max = i64::MAX;
    let store = Embedded::open_tuned(folder.path(), Access::Write, tuning).expect("a new store");
    let decoder = Decoder::default();
    let target = Topics::default()
        .target("skytier/v1/stations/A/readings")
        .expect("a target");
    block_on(async {
        for minute in 0..400 {
            let time = Zone::beijing().text(Instant::from_unix(1_600_000_000 + minute * 60));
            let text = format!(
                "{{\"time\":\"{time}\",\"interval_s\":60,\"values\":{{\"pm25\":{minute}.5,\"o3\":null}}}}"
            );
            let now = Instant::from_unix(1_600_000_000);
            let decoded = decoder
                .decode(&target, text.as_bytes(), None, now)
                .expect("sound");
            let mut batch = Batch::new(now);
            batch.observations = decoded.readings;
            store.append(batch).await.expect("appended");
            if minute == 300 {
                store.merge().await.expect("merged");
            }
        }
    });
    let read = |name: &str| fs::read(file_of(folder.path(), name)).expect("a file");
    (read("skytier.db"), read("skytier.db-wal"))
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(work)
}

/// Reads all there is; what is damaged is an error, never a panic.
async fn read_all(store: Embedded) {
    let stores = Stores::embedded(store);
    let Ok(verified) = stores.verify.verify().await else {
        return;
    };
    let Ok(keys) = stores.series.keys().await else {
        return;
    };
    for key in keys {
        let column = stores.series.received(&key, Range::ALL).await;
        assert!(
            verified.fault.is_some() || column.is_ok(),
            "verified, and not readable: {column:?}"
        );
    }
}

#[test]
fn database_files() {
    let (database, log) = match std::env::var_os(CHILD) {
        Some(_) => store_files(),
        None => (Vec::new(), Vec::new()),
    };
    // Alone, and with the log that belongs to it.
    let folder = scratch();
    let mut chance = Chance::new(SEED);
    let corpus = [b"x".to_vec()];
    fuzz("database_files", 150, &corpus, |_| {
        let mut files = [database.clone(), log.clone()];
        for _ in 0..=chance.below(12) {
            let file = &mut files[usize::from(chance.of_thousand(700))];
            let at = chance.index(file.len());
            match chance.below(12) {
                0 => file.truncate(at.max(1)),
                1 => {
                    let end = (at + chance.index(600)).min(file.len());
                    file[at..end].fill(0);
                }
                _ => file[at] = chance.below(256).to_le_bytes()[0],
            }
        }
        for access in [Access::Read, Access::Write] {
            let own = tempfile::TempDir::new_in(folder.path()).expect("a folder");
            for (name, bytes) in ["skytier.db", "skytier.db-wal"].iter().zip(&files) {
                fs::write(file_of(own.path(), name), bytes).expect("room");
            }
            if let Ok(store) = Embedded::open(own.path(), access) {
                block_on(read_all(store));
            }
        }
    });
}
