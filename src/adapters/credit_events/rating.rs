//! A rating as every interface prints it, keys in the order of the interface.
//!
//! These shapes borrow what they print, so that an answer is written without a copy of its parts.

use crate::adapters::credit_events::instant_text;
use crate::domain::credit::tier::Rating;
use crate::domain::credit::tier::Reason;
use crate::domain::credit::uscc::Uscc;
use chrono::NaiveDate;
use serde::Serialize;

/// A unit's rating as one line.
#[must_use]
pub fn rating_line(subject: &Uscc, rating: &Rating) -> String {
    let reasons = rating.reasons.iter().map(ReasonWire::open).collect();
    let wire = RatingWire::new(subject, rating, Some(reasons));
    serde_json::to_string(&wire).expect("plain data is always JSON")
}

/// A unit's rating.
#[derive(Serialize)]
pub struct RatingWire<'a> {
    subject: &'a str,
    on: NaiveDate,
    known_at: Option<String>,
    rulebook: &'a str,
    rulebook_sha256: &'a str,
    score: i32,
    tier: &'static str,
    confidence: &'static str,
    official: Option<OfficialWire<'a>>,
    reasons: Option<Vec<ReasonWire<'a>>>,
    next_change: Option<NextWire>,
}

#[derive(Serialize)]
struct OfficialWire<'a> {
    tier: &'static str,
    as_of: NaiveDate,
    source: &'a str,
}

/// A reason; of a sealed record only what it does to the score, and its hash.
#[derive(Serialize)]
pub struct ReasonWire<'a> {
    id: Option<&'a str>,
    code: Option<&'a str>,
    points: i32,
    start: Option<NaiveDate>,
    end: Option<NaiveDate>,
    confidence: &'static str,
    #[serde(flatten)]
    sealed: Option<SealedWire>,
}

#[derive(Serialize)]
struct SealedWire {
    sealed: bool,
    hash: Option<String>,
}

#[derive(Serialize)]
struct NextWire {
    date: NaiveDate,
    score: i32,
    tier: &'static str,
}

impl<'a> ReasonWire<'a> {
    /// A reason whole.
    #[must_use]
    pub fn open(reason: &'a Reason) -> ReasonWire<'a> {
        ReasonWire {
            id: Some(&reason.id),
            code: Some(&reason.code),
            points: reason.points,
            start: Some(reason.start),
            end: reason.end,
            confidence: reason.confidence.as_str(),
            sealed: None,
        }
    }

    /// A sealed one, with the hash of its row where it has one.
    #[must_use]
    pub fn sealed(reason: &Reason, hash: Option<String>) -> ReasonWire<'a> {
        ReasonWire {
            id: None,
            code: None,
            points: reason.points,
            start: None,
            end: None,
            confidence: reason.confidence.as_str(),
            sealed: Some(SealedWire { sealed: true, hash }),
        }
    }
}

impl<'a> RatingWire<'a> {
    /// A rating with the reasons its reader sees; `None` for one who sees none.
    #[must_use]
    pub fn new(
        subject: &'a Uscc,
        rating: &'a Rating,
        reasons: Option<Vec<ReasonWire<'a>>>,
    ) -> RatingWire<'a> {
        RatingWire {
            subject: subject.as_str(),
            on: rating.on,
            known_at: rating.known_at.map(instant_text),
            rulebook: &rating.rulebook,
            rulebook_sha256: &rating.rulebook_sha256,
            score: rating.score,
            tier: rating.tier.as_str(),
            confidence: rating.confidence.as_str(),
            official: rating.official.as_ref().map(|official| OfficialWire {
                tier: official.tier.as_str(),
                as_of: official.as_of,
                source: &official.source,
            }),
            reasons,
            next_change: rating.next_change.map(|next| NextWire {
                date: next.date,
                score: next.score,
                tier: next.tier.as_str(),
            }),
        }
    }
}
