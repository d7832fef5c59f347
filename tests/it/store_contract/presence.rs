//! Who was there, and when: kept, replaced by identity, and still there after a new start.

use tempfile::TempDir;

use super::at;
use super::embedded;
use super::on_every_store;
use super::run;
use skytier::adapters::store::Stores;
use skytier::domain::names::Source;
use skytier::domain::presence::Party;
use skytier::domain::presence::Spell;
use skytier::domain::presence::Way;
use skytier::ports::Attended;

/// `daemon 0-60`, `link/embedded 5-`, `stations/A off 7-9`; an open end lasts on from its beginning.
pub(super) fn spell(text: &str) -> Spell {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (from, upto) = words[words.len() - 1].split_once('-').expect("a stretch");
    let from: i64 = from.parse().expect(text);
    Spell {
        party: Party::parse(words[0]).expect(text),
        online: words.len() == 2,
        from: at(from),
        upto: at(upto.parse().unwrap_or(from)),
        open: upto.is_empty(),
    }
}

pub(super) fn way(source: &str, link: &str, first: i64, last: i64) -> Way {
    Way {
        source: Source::parse(source).expect(source),
        link: link.to_owned(),
        first: at(first),
        last: at(last),
    }
}

pub(super) async fn attend(stores: &Stores, spells: &[&str], ways: &[Way]) {
    let attended = Attended {
        spells: spells.iter().map(|text| spell(text)).collect(),
        ways: ways.to_vec(),
    };
    let kept = stores.attendance.attend(attended).await;
    kept.expect("room for it");
}

fn printed(spells: &[Spell]) -> Vec<String> {
    let one = |spell: &Spell| {
        let off = if spell.online { "" } else { " off" };
        let upto = if spell.open {
            String::new()
        } else {
            spell.upto.unix().to_string()
        };
        format!("{}{off} {}-{upto}", spell.party, spell.from.unix())
    };
    spells.iter().map(one).collect()
}

async fn of(stores: &Stores, source: &str) -> Vec<String> {
    let source = Source::parse(source).expect(source);
    printed(&stores.attendance.spells(&source).await.expect("spells"))
}

async fn open(stores: &Stores) -> Vec<String> {
    printed(&stores.attendance.open_spells().await.expect("spells"))
}

const FIRST: [&str; 6] = [
    "stations/A off 7-9",
    "stations/A 9-",
    "stations/B off 8-",
    "link/mqtt://h:1883 2-",
    "daemon 0-",
    "link/embedded 1-",
];

#[test]
fn spells_are_told_in_order_and_replaced_by_party_and_beginning() {
    on_every_store(async |kind, stores| {
        assert!(of(stores, "stations/A").await.is_empty(), "{kind}");
        attend(stores, &FIRST, &[]).await;
        let links = ["daemon 0-", "link/embedded 1-", "link/mqtt://h:1883 2-"];
        let with = |own: &[&'static str]| [&links[..], own].concat();
        let own = with(&["stations/A off 7-9", "stations/A 9-"]);
        assert_eq!(of(stores, "stations/A").await, own, "{kind}");
        assert_eq!(
            of(stores, "stations/B").await,
            with(&["stations/B off 8-"]),
            "{kind}"
        );
        assert_eq!(of(stores, "loggers/B").await, links, "{kind}");
        let lasting = with(&["stations/A 9-", "stations/B off 8-"]);
        assert_eq!(open(stores).await, lasting, "{kind}");
        attend(
            stores,
            &["daemon 0-30", "link/embedded 1-30", "daemon 40-"],
            &[],
        )
        .await;
        attend(stores, &["stations/B off 8-41", "stations/B 41-"], &[]).await;
        let expected = [
            "daemon 40-",
            "link/mqtt://h:1883 2-",
            "stations/A 9-",
            "stations/B 41-",
        ];
        assert_eq!(open(stores).await, expected, "{kind}");
        let expected = [
            "daemon 0-30",
            "daemon 40-",
            "link/embedded 1-30",
            "link/mqtt://h:1883 2-",
        ];
        assert_eq!(of(stores, "stations/C").await, expected, "{kind}");
    });
}

#[test]
fn a_source_has_a_way_for_each_link() {
    on_every_store(async |kind, stores| {
        let kept = [
            way("stations/A", "b", 1, 2),
            way("stations/A", "a", 1, 2),
            way("loggers/A", "a", 3, 4),
        ];
        attend(stores, &[], &kept).await;
        let moved = way("stations/A", "a", 1, 90);
        attend(stores, &[], std::slice::from_ref(&moved)).await;
        let ways = stores.attendance.ways().await.expect("ways");
        assert_eq!(ways, [kept[2].clone(), moved, kept[0].clone()], "{kind}");
    });
}

#[test]
fn presence_survives_a_new_start() {
    let directory = TempDir::new().expect("a directory");
    let kept = [way("stations/A", "embedded", 1, 2)];
    run(attend(&embedded(directory.path()), &FIRST, &kept));
    let stores = embedded(directory.path());
    run(async {
        assert_eq!(open(&stores).await.len(), 5);
        assert_eq!(stores.attendance.ways().await.expect("ways"), kept);
        let verified = stores.verify.verify().await.expect("verified");
        assert_eq!(verified.fault, None);
        assert!(verified.counted.contains(&("presence entries", 7)));
    });
}
