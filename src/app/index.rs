//! `skytier index`: sub-indices, AQI, level and primary pollutants of given concentrations.

use std::io::Read as _;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::ValueEnum;

use crate::adapters::lang::Lang;
use crate::adapters::report::index as shapes;
use crate::adapters::report::index::Calculated;
use crate::app::assess::YesNo;
use crate::app::assess::hour_missing;
use crate::app::assess::realtime;
use crate::app::fault::bad_input;
use crate::app::standards;
use crate::domain::aqi::DayValues;
use crate::domain::aqi::HourKind;
use crate::domain::aqi::HourOptions;
use crate::domain::aqi::HourValues;
use crate::domain::aqi::IndexOptions;
use crate::domain::aqi::day_index;
use crate::domain::aqi::hour_index;
use crate::domain::aqi::hour_items;
use crate::domain::pollutant::Averaging;
use crate::domain::pollutant::Pollutant;
use crate::domain::standards::Edition;
use crate::domain::standards::Missing;
use crate::domain::standards::Realtime;
use crate::domain::units::Amount;
use crate::domain::units::Exact;

/// Largest input.
const INPUT_BYTES_MAX: u64 = 16 << 20;

/// Sub-indices, AQI, level and primary pollutants of concentrations you give: ug/m3, CO mg/m3.
///
/// Keys of a day: pm25 pm10 so2 no2 co (means of the day), o3_8h, and o3_1h for the seventh item. Keys of an hour:
/// pm25 pm10 so2 no2 co o3, further pm25_24h, pm10_24h, o3_8h, pm25_nowcast ..., as the definition asks.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  skytier index --edition 2026 pm25=35.5 pm10=80 so2=10 no2=40 co=0.8 o3_8h=120
  skytier index --edition 2012 --by hour --realtime hourly-pm --lang en pm25=12 pm10=21 so2=7 no2=19 co=0.7 o3=71
  printf 'pm25=40 o3_8h=90\\npm25=80 o3_8h=30\\n' | skytier index --edition 2026 --missing publish --format csv --input -")]
pub struct IndexArgs {
    /// What was measured, such as pm25=35 or o3_8h=120.
    #[arg(value_name = "KEY=VALUE", required_unless_present = "input")]
    values: Vec<String>,
    /// A file, or - for standard input: one set of KEY=VALUE a line; empty lines and those with # are passed over.
    #[arg(long, value_name = "FILE|-", conflicts_with = "values")]
    input: Option<PathBuf>,
    /// The id of an edition with an index: 2012, 2026, 2031 or epa-2024.
    #[arg(long)]
    edition: String,
    /// Whether the concentrations are those of a day or of an hour.
    #[arg(long, value_enum, default_value_t = By::Day)]
    by: By,
    /// What the hourly index is made of [default: the edition's].
    #[arg(long, value_parser = realtime, value_name = "standard|hourly-pm|nowcast")]
    realtime: Option<Realtime>,
    /// What becomes of the AQI when a pollutant is missing [default: the edition's].
    #[arg(
        long,
        value_parser = hour_missing,
        value_name = "void|publish-above-100|publish-with-particles|publish"
    )]
    missing: Option<Missing>,
    /// Round concentrations before the index [default: the edition's].
    #[arg(long, value_enum)]
    round_first: Option<YesNo>,
    /// The ozone one-hour maximum as a seventh item of the day [default: the edition's].
    #[arg(long, value_enum)]
    o3_1h_item: Option<YesNo>,
    /// Print an index of 0 as 1.
    #[arg(long, value_enum)]
    lift_zero: Option<YesNo>,
    /// How the answer is printed.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Language of the table: zh or en.
    #[arg(long, value_parser = Lang::parse, default_value = "zh", value_name = "zh|en")]
    lang: Lang,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum By {
    Day,
    Hour,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Json,
    Csv,
    Table,
}

/// Prints the indices of what was given.
///
/// # Errors
/// Bad input, all at the first fault with its line, or a failed write.
pub fn run(args: &IndexArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let rule = Rule::of(args)?;
    let mut found = Vec::new();
    match &args.input {
        None => found.push(rule.calculate(&args.values).map_err(bad_input)?),
        Some(path) => {
            for (number, line) in (1..).zip(text_of(path)?.lines()) {
                if line.trim().is_empty() || line.trim_start().starts_with('#') {
                    continue;
                }
                let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
                let place = path.display();
                let calculated = rule.calculate(&words);
                found.push(
                    calculated.map_err(|fault| bad_input(format!("{place}:{number}: {fault}")))?,
                );
            }
        }
    }
    match args.format {
        Format::Csv => shapes::indices_csv(&found, out)?,
        Format::Table => write!(out, "{}", shapes::indices_table(&found, args.lang))?,
        Format::Json => {
            for calculated in &found {
                writeln!(out, "{}", shapes::index_json(calculated))?;
            }
        }
    }
    Ok(())
}

fn text_of(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let place = || path.display().to_string();
    let read = match path.to_str() {
        Some("-") => std::io::stdin()
            .take(INPUT_BYTES_MAX + 1)
            .read_to_string(&mut text),
        _ => std::fs::File::open(path)
            .and_then(|file| file.take(INPUT_BYTES_MAX + 1).read_to_string(&mut text)),
    };
    let read = read.with_context(place)?;
    if read as u64 > INPUT_BYTES_MAX {
        return Err(bad_input(format!("{}: more than 16 MiB", place())));
    }
    Ok(text)
}

/// By what the concentrations are judged.
struct Rule {
    edition: Edition,
    options: IndexOptions,
    /// `None` for days.
    hour: Option<HourOptions>,
}

impl Rule {
    fn of(args: &IndexArgs) -> anyhow::Result<Self> {
        let editions = standards::editions()?;
        let with_index = || editions.named().filter(|edition| edition.has_index());
        let edition = with_index().find(|edition| edition.id == args.edition);
        let Some(edition) = edition else {
            let known: Vec<&str> = with_index().map(|edition| edition.id.as_str()).collect();
            let (asked, known) = (&args.edition, known.join(", "));
            return Err(bad_input(format!(
                "--edition {asked:?} is not one of {known}"
            )));
        };
        let mut edition = edition.clone();
        edition.missing = args.missing.unwrap_or(edition.missing);
        let yes = |choice: YesNo| matches!(choice, YesNo::Yes);
        let mut options = IndexOptions::of(&edition);
        options.round_first = args.round_first.map_or(options.round_first, yes);
        options.o3_1h_item = args.o3_1h_item.map_or(options.o3_1h_item, yes);
        options.lift_zero = args.lift_zero.map_or(options.lift_zero, yes);
        let hour = match args.by {
            By::Day if args.realtime.is_some() => {
                return Err(bad_input("--realtime goes with --by hour"));
            }
            By::Day => None,
            By::Hour => {
                let own = HourOptions::of(&edition);
                let own = own.context("every edition with an index has an hourly one")?;
                let realtime = args.realtime.unwrap_or(own.realtime);
                if !edition.realtime.contains(&realtime) {
                    let (asked, id) = (realtime.key(), &edition.id);
                    return Err(bad_input(format!(
                        "--realtime {asked}: edition {id} has none"
                    )));
                }
                Some(HourOptions {
                    index: options,
                    realtime,
                    missing: args.missing.unwrap_or(own.missing),
                })
            }
        };
        Ok(Self {
            edition,
            options,
            hour,
        })
    }

    /// The indices of one set of `KEY=VALUE`.
    fn calculate(&self, words: &[String]) -> Result<Calculated, String> {
        let mut given: Vec<(String, Amount)> = Vec::new();
        let (mut day, mut hour) = (DayValues::default(), HourValues::default());
        for word in words {
            let fault = || format!("{word:?} is not KEY=VALUE such as pm25=35.5");
            let (key, text) = word.split_once('=').ok_or_else(fault)?;
            let value = Amount::parse(text).map_err(|_| fault())?;
            if value.micros() < 0 {
                return Err(format!("{word:?}: a concentration is not negative"));
            }
            if given.iter().any(|(other, _)| other == key) {
                return Err(format!("{key} is given twice"));
            }
            let place = match self.hour {
                None => day_place(&mut day, key),
                Some(_) => hour_place(&mut hour, key),
            };
            *place.ok_or_else(|| self.unknown(key))? = Some(Exact::amount(value));
            given.push((key.to_owned(), value));
        }
        let (index, absent) = match self.hour {
            None => {
                let items = Pollutant::ALL.map(|own| (own, self.edition.daily[own.index()]));
                let absent = items
                    .iter()
                    .filter(|(own, kind)| day.of(*own, *kind).is_none());
                let absent = absent.map(|(own, kind)| format!("{} {}", own.key(), kind.key()));
                (
                    day_index(&self.edition, self.options, &day),
                    absent.collect(),
                )
            }
            Some(options) => {
                let items = hour_items(options.realtime).into_iter();
                let absent = items.filter(|(own, kind)| hour.kind(*kind)[own.index()].is_none());
                let absent = absent.map(|(own, kind)| format!("{} {}", own.key(), kind.key()));
                (hour_index(&self.edition, options, &hour), absent.collect())
            }
        };
        Ok(Calculated {
            edition: self.edition.id.clone(),
            options: self.options,
            missing: self.hour.map_or(self.edition.missing, |own| own.missing),
            realtime: self.hour.map(|own| own.realtime),
            given,
            index,
            absent,
        })
    }

    fn unknown(&self, key: &str) -> String {
        let known = match self.hour {
            None => "pm25 pm10 so2 no2 co o3_8h o3_1h, or so2_1h no2_1h co_8h where a profile asks",
            Some(_) => "pm25 pm10 so2 no2 co o3, with _8h, _24h or _nowcast where the index asks",
        };
        format!("{key:?} is none of {known}")
    }
}

/// The pollutant of a key and what follows it.
fn parts(key: &str) -> Option<(Pollutant, Option<&str>)> {
    let (name, kind) = match key.split_once('_') {
        Some((name, kind)) => (name, Some(kind)),
        None => (key, None),
    };
    Some((Pollutant::from_key(name)?, kind))
}

fn day_place<'v>(day: &'v mut DayValues, key: &str) -> Option<&'v mut Option<Exact>> {
    let (pollutant, kind) = parts(key)?;
    let at = pollutant.index();
    let kind = kind.map_or(Some(Averaging::Hour24), Averaging::from_key)?;
    match (pollutant, kind) {
        (Pollutant::O3, Averaging::Hour8) => Some(&mut day.values[at]),
        (Pollutant::Co, Averaging::Hour8) => Some(&mut day.co_8h_max),
        (Pollutant::O3, Averaging::Hour24) => None,
        (_, Averaging::Hour24) => Some(&mut day.values[at]),
        (_, Averaging::Hour1) => Some(&mut day.hour_max[at]),
        _ => None,
    }
}

fn hour_place<'v>(hour: &'v mut HourValues, key: &str) -> Option<&'v mut Option<Exact>> {
    let (pollutant, kind) = parts(key)?;
    let kind = match kind {
        None => HourKind::Hour,
        Some(key) => HourKind::ALL.into_iter().find(|kind| kind.key() == key)?,
    };
    let values = match kind {
        HourKind::Hour => &mut hour.hour,
        HourKind::Moving8h => &mut hour.moving_8h,
        HourKind::Moving24h => &mut hour.moving_24h,
        HourKind::Nowcast => &mut hour.nowcast,
    };
    Some(&mut values[pollutant.index()])
}
