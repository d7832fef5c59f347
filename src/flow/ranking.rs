//! An area's rank among registered figures of others.

use std::fmt;

use crate::domain::calendar::Period;
use crate::domain::calendar::PeriodKind;
use crate::domain::exclusion::Purpose;
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
use crate::flow::beside::Applied;
use crate::flow::beside::BothSides;

/// What a ranking is asked about.
#[derive(Clone, Debug)]
pub struct RankQuestion {
    /// Which period.
    pub kind: PeriodKind,
    /// Its days, and its name, under which peers' figures are looked up.
    pub period: Period,
    /// The edition of all figures; several are not ranked at once.
    pub edition: EditionChoice,
    /// The area's own division code where it is not that of its group: peers' figures of it are not ranked beside
    /// its own.
    pub division_code: Option<String>,
}

impl RankQuestion {
    /// Reads a question from its words.
    ///
    /// # Errors
    /// Which of `period`, `edition` and `division` is wrong, and what would be right.
    pub fn read(
        period: &str,
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
        let division_code = division_code.map(read_division).transpose();
        Ok(Self {
            kind,
            period,
            edition,
            division_code: division_code.map_err(|fault| ("division", fault))?,
        })
    }
}

/// Reads a division code.
///
/// # Errors
/// In words.
pub fn read_division(text: &str) -> Result<String, String> {
    let short: String = text.chars().take(40).collect();
    match is_division_code(text) {
        true => Ok(text.to_owned()),
        false => Err(format!("{short:?} is not six to twelve digits")),
    }
}

/// Why an area has no rank by an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RankGap {
    /// No other area's figure is registered.
    NoPeers {
        /// The item.
        item: RankItem,
        /// Of which period.
        period: String,
        /// Under which edition.
        edition: String,
        /// Editions there are such figures under.
        others: Vec<String>,
    },
    /// The area itself has no such figure.
    NoFigure(RankItem),
}

impl fmt::Display for RankGap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFigure(item) => write!(f, "the area has no {} of its own", item.key()),
            Self::NoPeers {
                item,
                period,
                edition,
                others,
            } => {
                let item = item.key();
                write!(
                    f,
                    "no other area's {item} of {period} under edition {edition} is registered"
                )?;
                match others.as_slice() {
                    [] => Ok(()),
                    others => write!(f, "; there are some under {}", others.join(", ")),
                }
            }
        }
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
    pub gap: Option<RankGap>,
}

impl ItemRanking {
    /// The area's own place.
    pub fn own_place(&self) -> Option<&Ranked> {
        let own = self.entries.iter().find(|entry| entry.area.is_own());
        own.filter(|_| self.gap.is_none())
    }
}

/// The area's places by an item and by its change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// By the item asked for.
    pub level: ItemRanking,
    /// By its change, where areas are ranked by that too.
    pub change: Option<ItemRanking>,
}

/// Places without and with the exclusions that are about rankings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacesBeside {
    /// The decisions.
    pub entries: Vec<Applied>,
    /// By every day as measured.
    pub before: Places,
    /// With excluded days left out.
    pub after: Places,
}

/// A period's ranking by an item, and by its change where areas are ranked by that too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranking {
    /// The edition of all figures.
    pub edition: String,
    /// Whether the main places leave excluded days out.
    pub deducted: bool,
    /// The places.
    pub main: Places,
    /// Both sides of the exclusions; `None` when none concerns the period or they were not asked for.
    pub excluded: Option<Box<PlacesBeside>>,
}

impl Assessor {
    /// The area's ranks in a period by each of the items, days left out as the exclusions about rankings say. Other
    /// areas' figures are taken as they were published.
    pub fn rankings(
        &self,
        area: &Area,
        question: &RankQuestion,
        items: &[RankItem],
        choices: Choices,
    ) -> Vec<Ranking> {
        let (period, kind) = (question.period.clone(), question.kind);
        let choices = Choices {
            purpose: Purpose::Ranking,
            fixed_set: false,
            ..choices
        };
        let report = self.one_period(area, kind, period, &question.edition, choices);
        let group = match area {
            Area::Group(id) => self.registry.group(id),
            Area::Station(_) | Area::Mean => None,
        };
        let registered = || group.and_then(|group| group.division_code.clone());
        let field = Field {
            assessor: self,
            area,
            division_code: question.division_code.clone().or_else(registered),
        };
        let main = (report.assessment, report.yoy);
        let beside = report.beside;
        let ranking = |item: &RankItem| Ranking {
            edition: main.0.edition.clone(),
            deducted: beside.deducted,
            main: field.places(*item, &main),
            excluded: beside.excluded.as_ref().map(|own| {
                Box::new(PlacesBeside {
                    entries: own.entries.clone(),
                    before: field.places(*item, &own.before),
                    after: field.places(*item, &own.after),
                })
            }),
        };
        items.iter().map(ranking).collect()
    }

    /// The area's rank in a period by one item.
    pub fn ranking(
        &self,
        area: &Area,
        question: &RankQuestion,
        item: RankItem,
        choices: Choices,
    ) -> Ranking {
        let mut rankings = self.rankings(area, question, &[item], choices);
        rankings.pop().expect("one ranking an item")
    }
}

/// An area among the others.
struct Field<'a> {
    assessor: &'a Assessor,
    area: &'a Area,
    division_code: Option<String>,
}

impl Field<'_> {
    fn places(&self, item: RankItem, sides: &BothSides) -> Places {
        Places {
            level: self.by_item(item, sides),
            change: item.change().map(|item| self.by_item(item, sides)),
        }
    }

    fn by_item(&self, item: RankItem, (assessment, yoy): &BothSides) -> ItemRanking {
        let (id, period) = (&assessment.edition, &assessment.period.label);
        let edition = self.assessor.editions.by_id(id);
        let own = edition.and_then(|edition| own_figure(item, edition, assessment, yoy.as_ref()));
        let about = |peer: &&Peer| peer.item == item && peer.period == *period;
        let peers = self.assessor.registry.peers.iter().filter(about);
        let peers: Vec<&Peer> = peers.collect();
        let same = |peer: &&&Peer| peer.edition == *id;
        let other = |peer: &&&Peer| self.division_code.as_ref() != Some(&peer.division_code);
        let ranked = peers.iter().filter(same).filter(other);
        let mut entries: Vec<Contender> = ranked.map(|peer| contender(peer)).collect();
        let gap = match (entries.is_empty(), own) {
            (true, _) => Some(no_peers(item, period, id, &peers)),
            (_, None) => Some(RankGap::NoFigure(item)),
            _ => None,
        };
        let own_place = own.filter(|_| !entries.is_empty());
        entries.extend(own_place.map(|value| Contender {
            division_code: self.division_code.clone(),
            names: self.names(),
            value: value.exact(),
            source: None,
        }));
        ItemRanking {
            item,
            own,
            entries: ranks(entries, item.lower_is_better()),
            gap,
        }
    }

    fn names(&self) -> Names {
        let (registry, area) = (&self.assessor.registry, self.area);
        let registered = match area {
            Area::Group(id) => registry.group(id).map(|group| &group.names),
            Area::Station(id) => registry.station(id).map(|station| &station.names),
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

/// What is missing: figures at all, or figures under the same edition.
fn no_peers(item: RankItem, period: &str, edition: &str, peers: &[&Peer]) -> RankGap {
    let mut others: Vec<String> = peers.iter().map(|peer| peer.edition.clone()).collect();
    others.retain(|other| *other != edition);
    others.sort_unstable();
    others.dedup();
    RankGap::NoPeers {
        item,
        period: period.to_owned(),
        edition: edition.to_owned(),
        others,
    }
}
