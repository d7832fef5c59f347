//! Query parameters: read strictly, told precisely.

use std::collections::BTreeMap;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use chrono::DateTime;
use chrono::Datelike;
use chrono::FixedOffset;
use chrono::NaiveDate;

use crate::adapters::http::error::Problem;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Span;
use crate::domain::calendar::YEARS;
use crate::domain::calendar::Zone;
use crate::domain::reading::Review;
use crate::domain::standards::AreaClass;
use crate::domain::standards::Missing;
use crate::domain::standards::Realtime;

/// Longest query string, in bytes.
const QUERY_BYTES_MAX: usize = 4_096;

/// The query parameters of a request. A parameter given twice is refused, and so is one nobody asks for.
#[derive(Debug)]
pub struct Params {
    given: BTreeMap<String, String>,
}

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or("");
        if query.len() > QUERY_BYTES_MAX {
            return Err(Problem::bad(
                "query",
                format!("more than {QUERY_BYTES_MAX} bytes"),
            ));
        }
        let pairs: axum::extract::Query<Vec<(String, String)>> =
            axum::extract::Query::try_from_uri(&parts.uri)
                .map_err(|_| Problem::bad("query", "not name=value pairs"))?;
        let mut given = BTreeMap::new();
        for (name, value) in pairs.0 {
            if value.contains(char::REPLACEMENT_CHARACTER) {
                let name: String = name.chars().take(40).collect();
                return Err(Problem::bad("query", format!("{name:?} is not UTF-8")));
            }
            if given.insert(name.clone(), value).is_some() {
                let name: String = name.chars().take(40).collect();
                return Err(Problem::bad("query", format!("{name:?} is given twice")));
            }
        }
        Ok(Self { given })
    }
}

impl From<BTreeMap<String, String>> for Params {
    /// The same names and values out of a body.
    fn from(given: BTreeMap<String, String>) -> Self {
        Self { given }
    }
}

impl Params {
    /// Checks that only these parameters are given.
    ///
    /// # Errors
    /// Naming the stranger and those there are.
    pub fn only(self, known: &[&str]) -> Result<Self, Problem> {
        match self
            .given
            .keys()
            .find(|name| !known.contains(&name.as_str()))
        {
            None => Ok(self),
            Some(name) => {
                let name: String = name.chars().take(40).collect();
                Err(Problem::bad(
                    "query",
                    format!("unknown {name:?}; there are {}", known.join(", ")),
                ))
            }
        }
    }

    /// The text of a parameter; an empty one counts as not given.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.given
            .get(name)
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    }

    fn parse<T>(
        &self,
        name: &'static str,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let fault = || {
            let text: String = text.chars().take(40).collect();
            Problem::bad(name, format!("{text:?}: {expected}"))
        };
        read(text).map(Some).ok_or_else(fault)
    }

    /// A date.
    ///
    /// # Errors
    /// When it is given but none.
    pub fn date(&self, name: &'static str) -> Result<Option<NaiveDate>, Problem> {
        let within = |day: &NaiveDate| YEARS.contains(&day.year());
        let (first, last) = (YEARS.start(), YEARS.end());
        let expected =
            format!("a date such as 2020-06-30 is expected, of the years {first} to {last}");
        self.parse(name, &expected, |text| text.parse().ok().filter(within))
    }

    /// The day that `on` names: a date, to its end, or a time for the day it lies in, 24:00 being the end of a day.
    ///
    /// # Errors
    /// When it is given but neither.
    pub fn on(&self, zone: Zone) -> Result<Option<NaiveDate>, Problem> {
        let within = |day: &NaiveDate| YEARS.contains(&day.year());
        self.parse(
            "on",
            "a date such as 2020-06-30 is expected, or a time",
            |text| zone.day_asked(text).filter(within),
        )
    }

    /// A moment with its offset.
    ///
    /// # Errors
    /// When it is given but none.
    fn time(&self, name: &'static str) -> Result<Option<DateTime<FixedOffset>>, Problem> {
        // A plus sign that was not escaped arrives as a space.
        let read = |text: &str| DateTime::parse_from_rfc3339(&text.replace(' ', "+")).ok();
        self.parse(
            name,
            "a time such as 2020-06-30T13:00:00+08:00 is expected",
            read,
        )
    }

    /// What an answer may know of: up to a moment with its offset, or to the end of a date.
    ///
    /// # Errors
    /// When it is given but none.
    pub fn known(&self, zone: Zone) -> Result<Option<DateTime<FixedOffset>>, Problem> {
        let right = "a time such as 2020-06-30T13:00:00+08:00, or a date for its end, is expected";
        self.parse("known_at", right, |text| zone.time_asked(text))
    }

    /// A moment.
    ///
    /// # Errors
    /// When it is given but none.
    pub fn instant(&self, name: &'static str) -> Result<Option<Instant>, Problem> {
        Ok(self
            .time(name)?
            .map(|time| Instant::from_unix(time.timestamp())))
    }

    /// The moment as known at which an answer is asked for, which is over.
    ///
    /// # Errors
    /// When it is given but none, or lies ahead of now.
    pub fn known_at(&self, zone: Zone, now: Instant) -> Result<Option<Instant>, Problem> {
        let known_at = self.known(zone)?;
        let known_at = known_at.map(|at| Instant::from_unix(at.timestamp()));
        match known_at.filter(|at| *at > now) {
            None => Ok(known_at),
            Some(ahead) => Err(Problem::bad(
                "known_at",
                format!(
                    "{} lies ahead of now, {}; give a moment that is over",
                    zone.text(ahead),
                    zone.text(now)
                ),
            )),
        }
    }

    /// A whole number within bounds.
    ///
    /// # Errors
    /// When it is given but none, or out of bounds.
    pub fn number(
        &self,
        name: &'static str,
        least: usize,
        most: usize,
    ) -> Result<Option<usize>, Problem> {
        let expected = format!("a whole number from {least} to {most} is expected");
        let within = |number: &usize| (least..=most).contains(number);
        self.parse(name, &expected, |text| text.parse().ok().filter(within))
    }

    /// Which values are asked for: `raw`, as received, unless `reviewed` is given.
    ///
    /// # Errors
    /// When it is given but neither.
    pub fn review(&self) -> Result<Review, Problem> {
        let known = |text: &str| {
            [Review::Raw, Review::Reviewed]
                .into_iter()
                .find(|one| one.key() == text)
        };
        let review = self.parse("review", "raw or reviewed is expected", known)?;
        Ok(review.unwrap_or(Review::Raw))
    }

    /// `yes` or `no`.
    ///
    /// # Errors
    /// When it is given but neither.
    pub fn yes_no(&self, name: &'static str) -> Result<Option<bool>, Problem> {
        self.parse(name, "yes or no is expected", |text| match text {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        })
    }

    /// The class of an area, 1 or 2.
    ///
    /// # Errors
    /// When it is given but neither.
    pub fn area_class(&self) -> Result<Option<AreaClass>, Problem> {
        self.parse("area_class", "1 or 2 is expected", AreaClass::from_key)
    }

    /// What the hourly index is made of.
    ///
    /// # Errors
    /// When it is given but none.
    pub fn realtime(&self) -> Result<Option<Realtime>, Problem> {
        let expected = "standard, hourly-pm or nowcast is expected";
        self.parse("realtime", expected, Realtime::from_key)
    }

    /// What to do with an hour in which a pollutant is missing.
    ///
    /// # Errors
    /// When it is given but none.
    pub fn hour_missing(&self) -> Result<Option<Missing>, Problem> {
        let expected = "void, publish-above-100, publish-with-particles or publish is expected";
        self.parse("hour_missing", expected, Missing::from_key)
    }

    /// The days `from` to `to`, both needed.
    ///
    /// # Errors
    /// When one is missing, they are reversed or too far apart.
    pub fn span(&self) -> Result<Span, Problem> {
        let need = |name| {
            self.date(name)?
                .ok_or_else(|| Problem::bad(name, "a date is needed"))
        };
        let (from, to) = (need("from")?, need("to")?);
        Span::checked(from, to).map_err(|fault| Problem::bad("from", fault))
    }
}
