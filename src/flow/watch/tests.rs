//! Watching, step by step, over the store in memory.

use super::*;
use crate::domain::names::SourceKind::Station;
use crate::domain::presence::Spell;
use crate::domain::registry::Names;
use crate::domain::registry::Registry;
use crate::domain::registry::Station as Registered;
use crate::domain::registry::StationClass;
use crate::domain::units::Amount;
use crate::ports::Answer;
use crate::ports::Attended;
use crate::ports::Registrar;

/// What is kept, and a registry of two stations that report every minute.
#[derive(Default)]
struct Kept(Mutex<(Vec<Spell>, Vec<crate::domain::presence::Way>, bool)>);

impl Kept {
    fn shown(&self) -> Vec<String> {
        let kept = self.0.lock().expect("nobody panicked");
        let one = |spell: &Spell| {
            let off = if spell.online { "" } else { " off" };
            let end = if spell.open { "+" } else { "" };
            let (from, upto) = (spell.from.unix(), spell.upto.unix());
            format!("{}{off} {from}-{upto}{end}", spell.party)
        };
        kept.0.iter().map(one).collect()
    }

    fn fails(&self, fails: bool) {
        self.0.lock().expect("nobody panicked").2 = fails;
    }
}

impl Attendance for Kept {
    fn attend(&self, attended: Attended) -> Answer<'_, ()> {
        let mut kept = self.0.lock().expect("nobody panicked");
        if kept.2 {
            let place = "a full disk".to_owned();
            return Box::pin(std::future::ready(Err(StoreError::Full { place })));
        }
        for spell in attended.spells {
            kept.0
                .retain(|one| (&one.party, one.from) != (&spell.party, spell.from));
            kept.0.push(spell);
        }
        for way in attended.ways {
            kept.1
                .retain(|one| (&one.source, &one.link) != (&way.source, &way.link));
            kept.1.push(way);
        }
        kept.0
            .sort_by_key(|spell| (spell.party.to_string(), spell.from));
        Box::pin(std::future::ready(Ok(())))
    }

    fn spells<'a>(&'a self, _: &'a Source) -> Answer<'a, Vec<Spell>> {
        let all = self.0.lock().expect("nobody panicked").0.clone();
        Box::pin(std::future::ready(Ok(all)))
    }

    fn open_spells(&self) -> Answer<'_, Vec<Spell>> {
        let kept = self.0.lock().expect("nobody panicked");
        let open = kept.0.iter().filter(|spell| spell.open).cloned().collect();
        Box::pin(std::future::ready(Ok(open)))
    }

    fn ways(&self) -> Answer<'_, Vec<crate::domain::presence::Way>> {
        let ways = self.0.lock().expect("nobody panicked").1.clone();
        Box::pin(std::future::ready(Ok(ways)))
    }

    fn gone<'a>(&'a self, _: &'a SourceId) -> Answer<'a, Vec<crate::domain::retention::Gone>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}

impl Registrar for Kept {
    fn registry(&self) -> Answer<'_, Registry> {
        let station = |id: &str| Registered {
            id: SourceId::new(id).expect(id),
            names: Names {
                zh: id.to_owned(),
                en: id.to_owned(),
            },
            class: StationClass::National,
            longitude: Amount::parse("120").expect("a number"),
            latitude: Amount::parse("31").expect("a number"),
            simulated: false,
            source: "test".to_owned(),
            zone: None,
            interval_s: (id == "A").then_some(60),
        };
        let registry = Registry {
            stations: ["A", "B"].map(station).to_vec(),
            ..Registry::default()
        };
        Box::pin(std::future::ready(Ok(registry)))
    }

    fn register(&self, _: Registry) -> Answer<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn mark<'a>(&'a self, _: &'a str) -> Answer<'a, Option<String>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn set_mark<'a>(&'a self, _: &'a str, _: &'a str) -> Answer<'a, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

fn at(seconds: i64) -> Instant {
    Instant::from_unix(seconds)
}

fn source(id: &str) -> Source {
    Source {
        kind: Station,
        id: SourceId::new(id).expect(id),
    }
}

/// A watch that allows two minutes and ten seconds.
async fn watch(kept: &Arc<Kept>, now: i64) -> Watch {
    let registrar: Arc<dyn Registrar> = Arc::clone(kept) as Arc<dyn Registrar>;
    let directory = Directory::open(registrar).await.expect("a registry");
    let settings = WatchSettings {
        heartbeat_s: 10,
        silent_after: 2,
        silent_grace_s: 10,
    };
    let store: Arc<dyn Attendance> = Arc::clone(kept) as Arc<dyn Attendance>;
    let opened = Watch::open(store, Arc::new(directory), settings, &[], at(now)).await;
    opened.expect("opened")
}

fn reading(id: &str, link: &str, newest: i64) -> Note {
    Note::Heard(Heard {
        source: source(id),
        link: Arc::from(link),
        newest: at(newest),
        interval_s: 60,
        retained: false,
    })
}

fn kept_by_broker(id: &str, link: &str, newest: i64) -> Note {
    match reading(id, link, newest) {
        Note::Heard(heard) => Note::Heard(Heard {
            retained: true,
            ..heard
        }),
        said => said,
    }
}

fn silent(watch: &Watch) -> Vec<String> {
    let silent = watch.silent().into_iter();
    silent
        .map(|(id, last)| format!("{id}@{}", last.unix()))
        .collect()
}

async fn note(watch: &Watch, note: Note, now: i64) {
    watch.note(vec![note], at(now));
}

#[tokio::test]
async fn a_station_is_silent_beyond_its_allowance_and_until_it_is_heard() {
    let kept = Arc::new(Kept::default());
    let watch = watch(&kept, 1_000).await;
    watch.link("embedded", true, at(1_000));
    assert_eq!(watch.standing(&source("A").id), Standing::default());
    note(&watch, reading("A", "embedded", 1_020), 1_021).await;
    // Replayed and imported readings are of no now; neither is one whose clock is far ahead.
    note(&watch, reading("B", "embedded", 60), 1_021).await;
    note(&watch, reading("B", "embedded", 9_000), 1_021).await;
    note(&watch, reading("stranger", "embedded", 1_020), 1_021).await;
    for (now, expected) in [
        (1_100, &[][..]),
        (1_151, &[]),
        (1_152, &["A@1021"]),
        (9_000, &["A@1021"]),
    ] {
        watch.beat(at(now));
        assert_eq!(silent(&watch), expected, "{now}");
    }
    assert_eq!(watch.watched(), [(source("A").id, true)]);
    // Old readings that come late do not end it.
    note(&watch, reading("A", "embedded", 1_080), 9_010).await;
    watch.beat(at(9_010));
    assert_eq!(silent(&watch), ["A@1021"]);
    note(&watch, reading("A", "embedded", 9_000), 9_011).await;
    watch.beat(at(9_011));
    assert!(silent(&watch).is_empty());
    let standing = watch.standing(&source("A").id);
    assert_eq!(
        (standing.last_seen, standing.silent),
        (Some(at(9_011)), Some(false))
    );
}

#[tokio::test]
async fn nobody_is_silent_who_could_not_be_heard() {
    let kept = Arc::new(Kept::default());
    let first = watch(&kept, 1_000).await;
    first.link("mqtt://h:1", true, at(1_000));
    note(&first, reading("A", "mqtt://h:1", 1_000), 1_001).await;
    first.link("mqtt://h:1", false, at(1_050));
    for now in [1_100, 2_000] {
        first.beat(at(now));
        assert!(silent(&first).is_empty(), "{now}");
    }
    // Of the 130 seconds it is allowed, 49 were over before the link closed.
    first.link("mqtt://h:1", true, at(2_000));
    first.beat(at(2_081));
    assert!(silent(&first).is_empty());
    first.beat(at(2_082));
    assert_eq!(silent(&first), ["A@1001"]);
    first.link("mqtt://h:1", false, at(2_140));
    first.beat(at(2_150));
    assert_eq!(
        silent(&first),
        ["A@1001"],
        "a link that closes brings nobody back"
    );
    first.close(at(2_150)).await.expect("kept");
    // A later daemon knows when it was seen, and how long it has been listened for.
    let second = watch(&kept, 9_000).await;
    second.link("mqtt://h:1", true, at(9_000));
    assert_eq!(second.standing(&source("A").id).last_seen, Some(at(1_001)));
    second.beat(at(9_001));
    assert_eq!(silent(&second), ["A@1001"]);
}

#[tokio::test]
async fn a_link_that_bounces_hides_nobody_and_writes_few_rows() {
    let kept = Arc::new(Kept::default());
    let watch = watch(&kept, 1_000).await;
    watch.expect("mqtt://h:1", at(1_000));
    watch.link("mqtt://h:1", true, at(1_001));
    note(&watch, reading("A", "mqtt://h:1", 1_001), 1_001).await;
    // Open for three seconds, away for two.
    for round in 0..60 {
        let now = 1_001 + 5 * round;
        watch.link("mqtt://h:1", true, at(now));
        watch.beat(at(now + 2));
        watch.link("mqtt://h:1", false, at(now + 3));
        watch.keep().await.expect("kept");
        // 130 seconds are 43 times three and one more.
        let expected: &[&str] = if round < 43 { &[] } else { &["A@1001"] };
        watch.beat(at(now + 4));
        assert_eq!(silent(&watch), expected, "{round}");
    }
    watch.close(at(1_301)).await.expect("kept");
    assert_eq!(
        kept.shown(),
        ["daemon 1000-1301", "link/mqtt://h:1 1001-1299"]
    );
}

#[tokio::test]
async fn restarts_give_no_new_time_and_neither_does_a_link_that_is_gone() {
    let kept = Arc::new(Kept::default());
    let first = watch(&kept, 1_000).await;
    first.expect("mqtt://h:1", at(1_000));
    first.link("mqtt://h:1", true, at(1_000));
    note(&first, reading("A", "mqtt://h:1", 1_000), 1_000).await;
    first.close(at(1_050)).await.expect("kept");
    let second = watch(&kept, 5_000).await;
    second.link("mqtt://h:1", true, at(5_000));
    second.beat(at(5_050));
    assert!(silent(&second).is_empty());
    second.close(at(5_050)).await.expect("kept");
    let third = watch(&kept, 6_000).await;
    third.link("mqtt://h:1", true, at(6_000));
    third.beat(at(6_030));
    assert!(silent(&third).is_empty());
    third.beat(at(6_031));
    assert_eq!(silent(&third), ["A@1000"]);
    third.close(at(6_031)).await.expect("kept");
    // Heard once more, then the broker is taken out of the settings.
    let fourth = watch(&kept, 7_000).await;
    fourth.link("mqtt://h:1", true, at(7_000));
    note(&fourth, reading("A", "mqtt://h:1", 7_000), 7_000).await;
    fourth.close(at(7_010)).await.expect("kept");
    let fifth = watch(&kept, 8_000).await;
    fifth.link("embedded", true, at(8_000));
    fifth.beat(at(8_120));
    assert!(silent(&fifth).is_empty());
    fifth.beat(at(8_121));
    assert_eq!(silent(&fifth), ["A@7000"]);
}

#[tokio::test]
async fn what_a_broker_kept_is_of_its_own_time() {
    let kept = Arc::new(Kept::default());
    let watch = watch(&kept, 1_000).await;
    watch.link("mqtt://h:1", true, at(1_000));
    note(&watch, kept_by_broker("A", "mqtt://h:1", 500), 1_000).await;
    assert_eq!(watch.standing(&source("A").id).last_seen, None);
    assert_eq!(watch.retained_stale(), 1);
    note(&watch, kept_by_broker("A", "mqtt://h:1", 940), 1_000).await;
    assert_eq!(watch.standing(&source("A").id).last_seen, Some(at(940)));
    assert_eq!(watch.retained_stale(), 1);
}

#[tokio::test]
async fn a_kill_leaves_an_end_and_a_stop_an_exact_one() {
    let kept = Arc::new(Kept::default());
    let first = watch(&kept, 100).await;
    first.link("embedded", true, at(101));
    first.beat(at(110));
    first.keep().await.expect("kept");
    first.beat(at(120));
    assert_eq!(kept.shown(), ["daemon 100-110+", "link/embedded 101-110+"]);
    drop(first);
    let second = watch(&kept, 300).await;
    assert_eq!(
        kept.shown(),
        ["daemon 100-110", "daemon 300-300+", "link/embedded 101-110"]
    );
    second.close(at(307)).await.expect("kept");
    assert_eq!(
        kept.shown(),
        ["daemon 100-110", "daemon 300-307", "link/embedded 101-110"]
    );
}

#[tokio::test]
async fn what_a_source_says_of_itself_is_kept_at_once_and_once() {
    let kept = Arc::new(Kept::default());
    let watch = watch(&kept, 0).await;
    let said = |online| Note::Said(source("A"), online);
    for (note, now) in [
        (said(true), 10),
        (said(true), 20),
        (said(false), 30),
        (said(false), 40),
        (Note::Said(source("stranger"), false), 40),
        (reading("A", "embedded", 50), 50),
    ] {
        watch.note(vec![note], at(now));
    }
    watch.keep().await.expect("kept");
    let expected = [
        "stations/A 10-30",
        "stations/A off 30-50",
        "stations/A 50-50+",
        "stations/stranger off 40-40+",
    ];
    assert_eq!(kept.shown()[1..], expected);
    assert_eq!(watch.standing(&source("A").id).said, Some((true, at(50))));
    // The disk is full: what was noted is kept in the end, once.
    kept.fails(true);
    watch.note(vec![said(true), said(false)], at(60));
    let gone = watch.keep().await;
    assert!(matches!(gone, Err(StoreError::Full { .. })), "{gone:?}");
    kept.fails(false);
    watch.keep().await.expect("kept");
    assert!(kept.shown().contains(&"stations/A off 60-60+".to_owned()));
}

#[tokio::test]
async fn only_so_many_sources_that_are_not_registered_may_say_something() {
    let watch = watch(&Arc::new(Kept::default()), 0).await;
    let strangers = (0..STRANGERS_MAX + 2).map(|n| source(&format!("s{n}")));
    for stranger in strangers {
        assert!(watch.takes(&stranger), "{stranger}");
        watch.roll().said(&stranger, true, at(0));
    }
    for (id, expected) in [("s0", true), ("B", true), ("more", false)] {
        assert_eq!(watch.takes(&source(id)), expected, "{id}");
    }
}
