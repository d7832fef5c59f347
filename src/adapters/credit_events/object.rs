//! One JSON object of flat fields, taken apart key by key and written in a fixed order.

use crate::adapters::credit_events::LineFault;
use chrono::DateTime;
use chrono::Datelike;
use chrono::FixedOffset;
use chrono::NaiveDate;
use serde::Deserialize;
use serde::Deserializer;
use serde::de::MapAccess;
use serde::de::Visitor;
use serde_json::Value;
use std::fmt;
use std::ops::RangeInclusive;

/// Years a date of the ledger may lie in; outside, it is a slip of the pen.
const YEARS: RangeInclusive<i32> = 1980..=2199;

/// The fields of a line that have not been asked for yet.
pub(crate) struct Object {
    op: String,
    fields: Vec<(String, Value)>,
    known: Vec<&'static str>,
}

/// Key and value pairs in the order written, so that a key given twice is seen.
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pairs, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object such as {\"op\":\"list\",..}")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

impl Object {
    /// Splits a line into fields.
    pub(crate) fn parse(line: &str) -> Result<Object, LineFault> {
        let Pairs(fields) =
            serde_json::from_str(line).map_err(|error| LineFault::NotJson(error.to_string()))?;
        for (at, (key, _)) in fields.iter().enumerate() {
            if fields[..at].iter().any(|(earlier, _)| earlier == key) {
                return Err(LineFault::Twice(key.clone()));
            }
        }
        Ok(Object {
            op: String::new(),
            fields,
            known: Vec::new(),
        })
    }

    /// The operation, which later faults name.
    pub(crate) fn begin(&mut self) -> Result<String, LineFault> {
        self.op = "every line".to_owned();
        self.op = self.text("op")?;
        Ok(self.op.clone())
    }

    /// Refuses fields that are filled in by whoever takes the act.
    pub(crate) fn refuse(&self, op: &str, given: &[&str]) -> Result<(), LineFault> {
        let found = self
            .fields
            .iter()
            .find(|(key, _)| given.contains(&key.as_str()));
        match found {
            None => Ok(()),
            Some((field, _)) => Err(LineFault::Given {
                op: op.to_owned(),
                field: field.clone(),
            }),
        }
    }

    /// Fills in a field.
    pub(crate) fn give(&mut self, field: &str, text: &str) {
        self.fields.push((field.to_owned(), Value::from(text)));
    }

    /// Takes a field; `null` counts as absent.
    fn take(&mut self, field: &'static str) -> Option<Value> {
        self.known.push(field);
        let at = self.fields.iter().position(|(key, _)| key == field)?;
        let (_, value) = self.fields.remove(at);
        (!value.is_null()).then_some(value)
    }

    fn need<T>(&self, field: &'static str, value: Option<T>) -> Result<T, LineFault> {
        value.ok_or_else(|| LineFault::Missing {
            op: self.op.clone(),
            field,
        })
    }

    pub(crate) fn optional_text(
        &mut self,
        field: &'static str,
    ) -> Result<Option<String>, LineFault> {
        let Some(value) = self.take(field) else {
            return Ok(None);
        };
        let Value::String(text) = value else {
            return Err(wrong(
                field,
                format!("{value} is no text; write it in quotes"),
            ));
        };
        if text.trim().is_empty() || text.chars().any(char::is_control) {
            let what = "blank, or with control characters; write a plain text or leave it out";
            return Err(wrong(field, what.to_owned()));
        }
        Ok(Some(text))
    }

    pub(crate) fn text(&mut self, field: &'static str) -> Result<String, LineFault> {
        let text = self.optional_text(field)?;
        self.need(field, text)
    }

    pub(crate) fn optional_date(
        &mut self,
        field: &'static str,
    ) -> Result<Option<NaiveDate>, LineFault> {
        let Some(text) = self.optional_text(field)? else {
            return Ok(None);
        };
        let shaped = text.len() == "YYYY-MM-DD".len();
        let date = NaiveDate::parse_from_str(&text, "%Y-%m-%d")
            .ok()
            .filter(|_| shaped);
        let Some(date) = date else {
            return Err(wrong(
                field,
                format!("{text:?} is no date; write YYYY-MM-DD"),
            ));
        };
        in_years(field, &text, date).map(Some)
    }

    pub(crate) fn date(&mut self, field: &'static str) -> Result<NaiveDate, LineFault> {
        let date = self.optional_date(field)?;
        self.need(field, date)
    }

    pub(crate) fn instant(
        &mut self,
        field: &'static str,
    ) -> Result<DateTime<FixedOffset>, LineFault> {
        let text = self.text(field)?;
        let Ok(at) = DateTime::parse_from_rfc3339(&text) else {
            let right = "write RFC 3339 with an offset, as 2026-01-05T09:00:00+08:00";
            return Err(wrong(field, format!("{text:?} is no time; {right}")));
        };
        in_years(field, &text, at.date_naive())?;
        Ok(at)
    }

    pub(crate) fn optional_flag(&mut self, field: &'static str) -> Result<Option<bool>, LineFault> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(value) => Err(wrong(field, format!("{value} is neither true nor false"))),
        }
    }

    pub(crate) fn flag(&mut self, field: &'static str) -> Result<bool, LineFault> {
        let flag = self.optional_flag(field)?;
        self.need(field, flag)
    }

    pub(crate) fn texts(&mut self, field: &'static str) -> Result<Vec<String>, LineFault> {
        let value = self.take(field);
        let value = self.need(field, value)?;
        let texts = value.as_array().and_then(|items| {
            items
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect::<Option<Vec<_>>>()
        });
        texts.ok_or_else(|| wrong(field, format!("{value} is no list of texts")))
    }

    /// Refuses what was not asked for.
    pub(crate) fn finish(self) -> Result<(), LineFault> {
        let Some((field, _)) = self.fields.into_iter().next() else {
            return Ok(());
        };
        Err(LineFault::UnknownField {
            op: self.op,
            field,
            known: self.known.join(", "),
        })
    }
}

fn wrong(field: &'static str, what: String) -> LineFault {
    LineFault::Value { field, what }
}

fn in_years(field: &'static str, text: &str, date: NaiveDate) -> Result<NaiveDate, LineFault> {
    if YEARS.contains(&date.year()) {
        return Ok(date);
    }
    let what = format!("{text:?} lies outside {} to {}", YEARS.start(), YEARS.end());
    Err(wrong(field, what))
}

/// Writes an object in the order the fields are given.
pub(crate) struct Writer(String);

impl Writer {
    pub(crate) fn begin(op: &str) -> Writer {
        Writer(format!("{{\"op\":{}", Value::from(op)))
    }

    fn value(&mut self, field: &str, value: &Value) {
        self.0.push_str(&format!(",{}:{value}", Value::from(field)));
    }

    pub(crate) fn text(&mut self, field: &str, text: &str) {
        self.value(field, &Value::from(text));
    }

    pub(crate) fn optional_text(&mut self, field: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(field, text);
        }
    }

    pub(crate) fn date(&mut self, field: &str, date: NaiveDate) {
        self.text(field, &date.to_string());
    }

    pub(crate) fn flag(&mut self, field: &str, flag: bool) {
        self.value(field, &Value::from(flag));
    }

    pub(crate) fn texts(&mut self, field: &str, texts: &[String]) {
        self.value(field, &Value::from(texts));
    }

    pub(crate) fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}
