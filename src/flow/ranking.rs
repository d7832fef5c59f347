//! An area's rank among registered figures of others.

use crate::domain::calendar::Period;
use crate::domain::calendar::PeriodKind;
use crate::domain::ranking::Contender;
use crate::domain::ranking::Ranked;
use crate::domain::ranking::own_figure;
use crate::domain::ranking::ranks;
use crate::domain::registry::Names;
use crate::domain::registry::peer::Peer;
use crate::domain::registry::peer::RankItem;
use crate::domain::registry::peer::is_division_code;
use crate::domain::standards::Editions;
use crate::domain::units::Decimal;
use crate::domain::units::Exact;
use crate::flow::area::Area;
use crate::flow::assess::Assessor;
use crate::flow::assess::Choices;
use crate::flow::assess::EditionChoice;
use crate::flow::assess::PeriodReport;

/// What a ranking is asked about.
#[derive(Clone, Debug)]
pub struct RankQuestion {
    /// Which period.
    pub kind: PeriodKind,
    /// Its days, and its name, under which peers' figures are looked up.
    pub period: Period,
    /// What the areas are ranked by.
    pub item: RankItem,
    /// The edition of all figures; several are not ranked at once.
    pub edition: EditionChoice,
    /// The area's own division code, if it is known: peers' figures of it are not ranked beside its own.
    pub division_code: Option<String>,
}

impl RankQuestion {
    /// Reads a question from its words.
    ///
    /// # Errors
    /// Which of `period`, `edition` and `division` is wrong, and what would be right.
    pub fn read(
        period: &str,
        item: RankItem,
        edition: &str,
        division_code: Option<&str>,
        editions: &Editions,
    ) -> Result<Self, (&'static str, String)> {
        let expected =
            "is not a period such as 2020, 2020-H1, 2020-Q2, 2020-07 or 2019-07..2020-06";
        let short = |text: &str| text.chars().take(40).collect::<String>();
        let Some((kind, period)) = PeriodKind::of_label(period) else {
            return Err(("period", format!("{:?} {expected}", short(period))));
        };
        let edition =
            EditionChoice::parse(edition, editions).map_err(|fault| ("edition", fault))?;
        if matches!(edition, EditionChoice::Several(_)) {
            return Err((
                "edition",
                "ranks are given under one edition at a time".to_owned(),
            ));
        }
        let digits = |code: &&str| !is_division_code(code);
        if let Some(code) = division_code.filter(digits) {
            let fault = format!("{:?} is not six to twelve digits", short(code));
            return Err(("division", fault));
        }
        Ok(Self {
            kind,
            period,
            item,
            edition,
            division_code: division_code.map(str::to_owned),
        })
    }
}

/// One item's ranking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemRanking {
    /// What the areas are ranked by.
    pub item: RankItem,
    /// The area's own published figure.
    pub own: Option<Decimal>,
    /// Every area that has a figure, best first.
    pub entries: Vec<Ranked>,
    /// Why the area has no rank.
    pub void_reason: Option<String>,
}

impl ItemRanking {
    /// The area's own place.
    pub fn own_place(&self) -> Option<&Ranked> {
        let own = self.entries.iter().find(|entry| entry.area.is_own());
        own.filter(|_| self.void_reason.is_none())
    }
}

/// A period's ranking by an item, and by its change where areas are ranked by that too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranking {
    /// The edition of all figures.
    pub edition: String,
    /// By the item asked for.
    pub level: ItemRanking,
    /// By its change.
    pub change: Option<ItemRanking>,
}

impl Assessor {
    /// The area's rank in a period.
    pub fn ranking(&self, area: &Area, question: &RankQuestion, choices: Choices) -> Ranking {
        let (period, kind) = (question.period.clone(), question.kind);
        let report = self.one_period(area, kind, period, &question.edition, choices);
        let change = question.item.change();
        Ranking {
            edition: report.assessment.edition.clone(),
            level: self.by_item(area, question, question.item, &report),
            change: change.map(|item| self.by_item(area, question, item, &report)),
        }
    }

    fn by_item(
        &self,
        area: &Area,
        question: &RankQuestion,
        item: RankItem,
        report: &PeriodReport,
    ) -> ItemRanking {
        let assessment = &report.assessment;
        let edition = self.editions.by_id(&assessment.edition);
        let own =
            edition.and_then(|edition| own_figure(item, edition, assessment, report.yoy.as_ref()));
        let about = |peer: &&Peer| peer.item == item && peer.period == question.period.label;
        let peers: Vec<&Peer> = self.registry.peers.iter().filter(about).collect();
        let same = |peer: &&&Peer| peer.edition == assessment.edition;
        let other = |peer: &&&Peer| question.division_code.as_ref() != Some(&peer.division_code);
        let ranked = peers.iter().filter(same).filter(other);
        let mut entries: Vec<Contender> = ranked.map(|peer| contender(peer)).collect();
        let void_reason = match (entries.is_empty(), own) {
            (true, _) => Some(no_peers(item, question, &assessment.edition, &peers)),
            (_, None) => Some(format!("the area has no {} of its own", item.key())),
            _ => None,
        };
        let own_place = own.filter(|_| !entries.is_empty());
        entries.extend(own_place.map(|value| Contender {
            division_code: question.division_code.clone(),
            names: self.names(area),
            value: value.exact(),
            source: None,
        }));
        ItemRanking {
            item,
            own,
            entries: ranks(entries, item.lower_is_better()),
            void_reason,
        }
    }

    fn names(&self, area: &Area) -> Names {
        let registered = match area {
            Area::Group(id) => self.registry.group(id).map(|group| &group.names),
            Area::Station(id) => self.registry.station(id).map(|station| &station.names),
            Area::Mean => None,
        };
        registered.cloned().unwrap_or_else(|| Names {
            zh: area.id().to_owned(),
            en: area.id().to_owned(),
        })
    }
}

fn contender(peer: &Peer) -> Contender {
    Contender {
        division_code: Some(peer.division_code.clone()),
        names: peer.names.clone(),
        value: Exact::amount(peer.value),
        source: Some(peer.source.clone()),
    }
}

/// Says what is missing: figures at all, or figures under the same edition.
fn no_peers(item: RankItem, question: &RankQuestion, edition: &str, peers: &[&Peer]) -> String {
    let (item, period) = (item.key(), &question.period.label);
    let mut others: Vec<&str> = peers.iter().map(|peer| peer.edition.as_str()).collect();
    others.retain(|other| *other != edition);
    others.sort_unstable();
    others.dedup();
    let under = match others.as_slice() {
        [] => String::new(),
        others => format!("; there are some under {}", others.join(", ")),
    };
    format!("no other area's {item} of {period} under edition {edition} is registered{under}")
}
