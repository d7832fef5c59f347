//! A rating as every interface prints it.

use crate::adapters::credit_events::instant_text;
use crate::domain::credit::tier::Rating;
use crate::domain::credit::uscc::Uscc;
use serde::Serialize;

/// A unit's rating as the tier endpoint shows it, keys in the order of the interface.
#[must_use]
pub fn rating_json(subject: &Uscc, rating: &Rating) -> serde_json::Value {
    serde_json::to_value(RatingWire::new(subject, rating)).expect("plain data is always JSON")
}

/// A unit's rating as one line, keys in the order of the interface.
#[must_use]
pub fn rating_line(subject: &Uscc, rating: &Rating) -> String {
    serde_json::to_string(&RatingWire::new(subject, rating)).expect("plain data is always JSON")
}

#[derive(Serialize)]
struct RatingWire<'a> {
    subject: &'a str,
    on: String,
    known_at: Option<String>,
    rulebook: &'a str,
    rulebook_sha256: &'a str,
    score: i32,
    tier: &'static str,
    confidence: &'static str,
    official: Option<OfficialWire<'a>>,
    reasons: Vec<ReasonWire<'a>>,
    next_change: Option<NextWire>,
}

#[derive(Serialize)]
struct OfficialWire<'a> {
    tier: &'static str,
    as_of: String,
    source: &'a str,
}

#[derive(Serialize)]
struct ReasonWire<'a> {
    id: &'a str,
    code: &'a str,
    points: i32,
    start: String,
    end: Option<String>,
    confidence: &'static str,
}

#[derive(Serialize)]
struct NextWire {
    date: String,
    score: i32,
    tier: &'static str,
}

impl<'a> RatingWire<'a> {
    fn new(subject: &'a Uscc, rating: &'a Rating) -> RatingWire<'a> {
        RatingWire {
            subject: subject.as_str(),
            on: rating.on.to_string(),
            known_at: rating.known_at.map(instant_text),
            rulebook: &rating.rulebook,
            rulebook_sha256: &rating.rulebook_sha256,
            score: rating.score,
            tier: rating.tier.as_str(),
            confidence: rating.confidence.as_str(),
            official: rating.official.as_ref().map(|official| OfficialWire {
                tier: official.tier.as_str(),
                as_of: official.as_of.to_string(),
                source: &official.source,
            }),
            reasons: rating
                .reasons
                .iter()
                .map(|reason| ReasonWire {
                    id: &reason.id,
                    code: &reason.code,
                    points: reason.points,
                    start: reason.start.to_string(),
                    end: reason.end.map(|end| end.to_string()),
                    confidence: reason.confidence.as_str(),
                })
                .collect(),
            next_change: rating.next_change.map(|next| NextWire {
                date: next.date.to_string(),
                score: next.score,
                tier: next.tier.as_str(),
            }),
        }
    }
}
