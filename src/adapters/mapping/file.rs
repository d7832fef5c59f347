//! The text of a mapping file, format 1.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use crate::adapters::mapping::Format;
use crate::adapters::mapping::List;
use crate::adapters::mapping::Map;
use crate::adapters::mapping::MapFault;
use crate::adapters::mapping::Names;
use crate::adapters::mapping::Time;
use crate::adapters::mapping::VALUES_MAX;
use crate::adapters::mapping::Value;
use crate::adapters::mapping::number;
use crate::adapters::mapping::pattern::Pattern;
use crate::adapters::payload::INTERVAL_S_MAX;
use crate::domain::calendar::Zone;
use crate::domain::names::Factor;
use crate::domain::names::SourceId;
use crate::domain::names::SourceKind;
use crate::domain::names::Stat;
use crate::domain::pollutant::Pollutant;
use crate::domain::units::Exact;

type Text = Spanned<String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    format: Spanned<u32>,
    #[serde(default)]
    topics: Vec<Text>,
    kind: Text,
    id: Option<Text>,
    zone: Option<Text>,
    #[serde(default)]
    ids: BTreeMap<String, Text>,
    time: Spanned<TimeShape>,
    list: Option<ListShape>,
    values: Spanned<Vec<ValueShape>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TimeShape {
    at: Option<Text>,
    format: Option<Text>,
    label: Option<Text>,
    #[serde(default)]
    interval_s: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListShape {
    at: Text,
    name: Text,
    value: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ValueShape {
    at: Text,
    factor: Text,
    stat: Option<Text>,
    times: Option<Text>,
    plus: Option<Text>,
    flag: Option<Text>,
}

/// Where something stands, so that a fault can say it.
struct Places<'a> {
    name: &'a str,
    text: &'a str,
}

impl Places<'_> {
    fn fault(&self, span: Range<usize>, what: impl Into<String>) -> MapFault {
        let before = self.text.bytes().take(span.start);
        let line = before.filter(|byte| *byte == b'\n').count() + 1;
        MapFault {
            place: format!("{}:{line}", self.name),
            what: what.into(),
        }
    }

    /// Reads a text, or says what would be right.
    fn read<T, E: ToString>(
        &self,
        text: &Text,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Result<T, MapFault> {
        let found = read(text.get_ref());
        found.map_err(|fault| self.fault(text.span(), fault.to_string()))
    }
}

/// Reads the text of a file.
pub(super) fn read(name: &str, text: &str) -> Result<Map, MapFault> {
    let places = Places { name, text };
    let shape: Shape = toml::from_str(text).map_err(|fault| {
        places.fault(fault.span().unwrap_or_default(), fault.message().to_owned())
    })?;
    if *shape.format.get_ref() != 1 {
        return Err(places.fault(shape.format.span(), "format: 1 is expected"));
    }
    let kind = places.read(&shape.kind, |text| {
        SourceKind::from_level(text)
            .ok_or_else(|| format!("kind {text:?}; give stations or loggers"))
    })?;
    let topics = shape
        .topics
        .iter()
        .map(|topic| places.read(topic, Pattern::new));
    let topics: Vec<Pattern> = topics.collect::<Result<_, _>>()?;
    for (topic, own) in shape.topics.iter().zip(&topics) {
        if own.has_id() == shape.id.is_some() {
            let what = "the identifier stands either in the topic, as {id}, or where id says";
            return Err(places.fault(topic.span(), what));
        }
    }
    let zone = |text: &str| {
        Zone::parse(text).ok_or_else(|| format!("zone {text:?}; give an offset such as +08:00"))
    };
    let ids = shape.ids.iter();
    let ids = ids.map(|(sent, id)| Ok((sent.clone(), places.read(id, SourceId::new)?)));
    let time = time(&places, &shape.time)?;
    let values = shape.values.get_ref();
    if values.is_empty() || values.len() > VALUES_MAX {
        let what = format!("values: 1 to {VALUES_MAX} are expected");
        return Err(places.fault(shape.values.span(), what));
    }
    let pointer = |own: &&Text| shape.list.is_some() && own.get_ref().starts_with('/');
    let mut flags = values.iter().filter_map(|own| own.flag.as_ref());
    if let Some(flag) = flags.find(pointer) {
        let what = "flag: with [list] it is a name in that list, as at is";
        return Err(places.fault(flag.span(), what));
    }
    let own = |one| value(&places, one, kind, time.interval_s);
    let own = values.iter().map(own).collect::<Result<_, _>>()?;
    Ok(Map {
        name: name.to_owned(),
        topics,
        kind,
        id: shape.id.map(Spanned::into_inner),
        ids: ids.collect::<Result<_, MapFault>>()?,
        zone: shape
            .zone
            .as_ref()
            .map(|text| places.read(text, zone))
            .transpose()?,
        list: shape.list.map(|list| List {
            at: list.at.into_inner(),
            name: list.name.into_inner(),
            value: list.value.into_inner(),
        }),
        values: once(&places, values, own)?,
        time,
    })
}

/// Two values of one factor and statistic would overwrite each other.
fn once(
    places: &Places<'_>,
    shapes: &[ValueShape],
    values: Vec<Value>,
) -> Result<Vec<Value>, MapFault> {
    let mut known = HashSet::new();
    let mut all = shapes.iter().zip(&values);
    let again = all.find(|(_, value)| !known.insert((&value.factor, &value.stat)));
    let fault = again.map(|(shape, Value { factor, stat, .. })| {
        let what = format!("factor {factor} with stat {stat} is given twice; give it one place");
        places.fault(shape.factor.span(), what)
    });
    fault.map_or(Ok(values), Err)
}

fn time(places: &Places<'_>, shape: &Spanned<TimeShape>) -> Result<Time, MapFault> {
    let own = shape.get_ref();
    let format = own
        .format
        .as_ref()
        .map(|text| places.read(text, format))
        .transpose()?;
    let label = |text: &str| match text {
        "start" => Ok(Names::Start),
        "end" => Ok(Names::End),
        _ => Err(format!("label {text:?}; give start or end")),
    };
    let label = own
        .label
        .as_ref()
        .map(|text| places.read(text, label))
        .transpose()?;
    let faulty = match (&own.at, label) {
        _ if own.interval_s > INTERVAL_S_MAX => {
            Some(format!("interval_s: 0 to {INTERVAL_S_MAX} is expected"))
        }
        (None, _) if own.interval_s > 0 => {
            Some("at: missing; an interval ends at a time that is sent".to_owned())
        }
        (Some(_), None) if own.interval_s > 0 => Some(
            "label: missing; say whether the time names the start or the end of the interval"
                .to_owned(),
        ),
        _ => None,
    };
    if let Some(what) = faulty {
        return Err(places.fault(shape.span(), what));
    }
    Ok(Time {
        at: own.at.as_ref().map(|at| at.get_ref().clone()),
        format: format.unwrap_or(Format::Rfc3339),
        names: label.unwrap_or(Names::End),
        interval_s: own.interval_s,
    })
}

fn format(text: &str) -> Result<Format, String> {
    match text {
        "rfc3339" => Ok(Format::Rfc3339),
        "epoch_s" => Ok(Format::EpochSeconds),
        "epoch_ms" => Ok(Format::EpochMillis),
        _ if text.contains("%Y") || text.contains("%y") => Ok(Format::Pattern(text.to_owned())),
        _ => Err(format!(
            "format {text:?}; give rfc3339, epoch_s, epoch_ms or a pattern such as %Y/%m/%d %H:%M:%S"
        )),
    }
}

fn value(
    places: &Places<'_>,
    shape: &ValueShape,
    kind: SourceKind,
    interval_s: u32,
) -> Result<Value, MapFault> {
    let factor = places.read(&shape.factor, |text| {
        let pollutant = Pollutant::from_key(text);
        let coded = Pollutant::from_hj_code(text).filter(|_| kind == SourceKind::Station);
        match pollutant.or(coded) {
            Some(pollutant) => Ok(pollutant.factor()),
            None => Factor::new(text),
        }
    })?;
    let stat = |text: &str| {
        let stat = Stat::new(text).ok().filter(Stat::is_known);
        stat.ok_or_else(|| format!("stat {text:?}; give one of {}", Stat::KNOWN.join(" ")))
    };
    let stat = shape
        .stat
        .as_ref()
        .map(|text| places.read(text, stat))
        .transpose()?;
    let number = |name: &'static str, text: &Option<Text>, usual: i64| match text {
        None => Ok(Exact::whole(usual)),
        Some(text) => places.read(text, |text| {
            let found = number::factor(text);
            found.ok_or_else(|| {
                format!("{name} {text:?}; give a number such as \"0.001\" or \"5/9\"")
            })
        }),
    };
    Ok(Value {
        at: shape.at.get_ref().clone(),
        factor,
        stat: stat.unwrap_or_else(|| {
            if interval_s == 0 {
                Stat::rtd()
            } else {
                Stat::avg()
            }
        }),
        times: number("times", &shape.times, 1)?,
        plus: number("plus", &shape.plus, 0)?,
        flag: shape.flag.as_ref().map(|flag| flag.get_ref().clone()),
    })
}
