//! `skytier assess`: figures of recorded files or of a data directory.

mod hours;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use chrono::DateTime;
use chrono::NaiveDate;
use clap::ValueEnum;

use crate::adapters::layout;
use crate::adapters::layout::Layout;
use crate::adapters::report;
use crate::adapters::report::Context;
use crate::adapters::report::CsvForm;
use crate::adapters::report::RowSettings;
use crate::adapters::report::periods::PeriodRow;
use crate::adapters::store::Stores;
use crate::app::assess::hours::Hours;
use crate::app::fault::bad_input;
use crate::app::observations;
use crate::app::open;
use crate::app::qc_rules;
use crate::app::rate::parse_known_at;
use crate::app::standards;
use crate::domain::area::MinStations;
use crate::domain::assessment::composite::Singles;
use crate::domain::assessment::composite::Weights;
use crate::domain::calendar::Instant;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::domain::calendar::Zone;
use crate::domain::reading::Review;
use crate::domain::standards::AreaClass;
use crate::domain::standards::Editions;
use crate::domain::standards::Missing;
use crate::domain::standards::Realtime;
use crate::flow::area::Area;
use crate::flow::assess::Assessor;
use crate::flow::assess::Choices;
use crate::flow::assess::EditionChoice;
use crate::flow::assess::PeriodReport;
use crate::flow::beside::ExclusionView;
use crate::flow::rollup::Recipe;
use crate::ports::Batch;

/// The area that stands for every station on its own.
const EACH: &str = "each";
/// Readings appended to the store in memory at a time.
const CHUNK_ROWS: usize = 20_000;

/// Days and periods of an area: PM2.5, AQI, good-day ratio, year on year, targets.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  skytier assess --input seeds/beijing/*.csv.gz --layout beijing-uci --area mean \\
      --from 2015-01-01 --to 2016-12-31 --by year --edition 2012 --format json
  skytier assess --data var/demo --area city --from 2020-01-01 --to 2020-06-30 --by half --format table
  skytier assess --data var/demo --area group:beijing6 --from 2015-01-01 --to 2016-12-31 --by half \\
      --edition 2012,2026
  skytier assess --data var/demo --area group:beijing6 --from 2016-01-01 --to 2016-12-31 --by 12-months \\
      --format csv --bom
  skytier assess --data var/demo --area station:Dongsi --from 2016-12-01 --to 2016-12-31 --by day --format csv
  skytier assess --data var/demo --area station:Dongsi --from 2016-12-01 --to 2016-12-01 --by hour --realtime hourly-pm
  skytier assess --data var/demo --area station:Dongsi --from 2016-01-01 --to 2016-12-31 --edition who-2021 --format json")]
pub struct AssessArgs {
    /// Recorded readings: .csv or .csv.gz files.
    #[arg(long, value_name = "FILE", num_args = 1.., required_unless_present = "data")]
    input: Vec<PathBuf>,
    /// How the files are laid out.
    #[arg(
        long,
        value_name = "beijing-uci|cnemc|canonical",
        requires = "input",
        required_unless_present = "data"
    )]
    layout: Option<Layout>,
    /// A data directory; may be in use by a running daemon.
    #[arg(long, value_name = "DIR", conflicts_with = "input")]
    data: Option<PathBuf>,
    /// station:ID, group:ID, city (the group so named), mean (all stations of the input), or each (with --by hour:
    /// every station on its own).
    #[arg(long, default_value = "mean")]
    area: String,
    /// First day.
    #[arg(long, value_name = "DATE")]
    from: NaiveDate,
    /// Last day.
    #[arg(long, value_name = "DATE")]
    to: NaiveDate,
    /// How the range is cut into periods.
    #[arg(
        long,
        value_parser = By::parse,
        default_value = "period",
        value_name = "hour|day|xun|month|month-to-date|quarter|half|year|year-to-date|12-months|3-years|period"
    )]
    by: By,
    /// As known at this moment (RFC 3339), or at the end of a date; corrections that came later are left out.
    #[arg(long, value_name = "TIME", value_parser = parse_known_at)]
    known_at: Option<DateTime<chrono::FixedOffset>>,
    /// auto (the edition in force), 2012, 2026, 2031, or a profile to compare with: epa-2024, who-2021, eu-2024;
    /// several joined by commas stand side by side, and what the rule alone changes is said.
    #[arg(long, default_value = "auto")]
    edition: String,
    /// Round concentrations before the index [default: the edition's].
    #[arg(long, value_enum)]
    round_first: Option<YesNo>,
    /// An ozone day with fewer than 14 valid windows counts when it exceeds the limit [default: the edition's].
    #[arg(long, value_enum)]
    o3_exception: Option<YesNo>,
    /// The ozone one-hour maximum as a seventh item of the day [default: the edition's].
    #[arg(long, value_enum)]
    o3_1h_item: Option<YesNo>,
    /// Print an index of 0 as 1, the least that HJ 633-2026 names [default: no].
    #[arg(long, value_enum)]
    lift_zero: Option<YesNo>,
    /// Class of the area, 1 or 2, whose limit the ozone exception speaks of [default: 2].
    #[arg(long, value_parser = area_class, value_name = "1|2")]
    area_class: Option<AreaClass>,
    /// Stations an area's day needs: a number, a share such as 75%, or standard.
    #[arg(long, value_parser = MinStations::parse, value_name = "N|P%|standard")]
    min_stations: Option<MinStations>,
    /// Single indices of the composite index rounded before they are added, or only their sum.
    #[arg(long, value_parser = Singles::parse, value_name = "rounded|unrounded", default_value = "rounded")]
    composite: Singles,
    /// Weights of the composite index: equal, or those of the "new algorithm" (editions 2026 and 2031).
    #[arg(long, value_parser = Weights::parse, value_name = "equal|weighted", default_value = "equal")]
    composite_weights: Weights,
    /// Put a byte order mark before the CSV, by which Excel reads it as UTF-8.
    #[arg(long)]
    bom: bool,
    /// Add a last column `settings` to the CSV: what each row rests on, as name=value joined by semicolons.
    #[arg(long)]
    settings: bool,
    /// What the hourly index is made of [default: the edition's].
    #[arg(long, value_parser = realtime, value_name = "standard|hourly-pm|nowcast")]
    realtime: Option<Realtime>,
    /// What becomes of an hour in which a pollutant is missing [default: the edition's].
    #[arg(
        long,
        value_parser = hour_missing,
        value_name = "void|publish-above-100|publish-with-particles|publish"
    )]
    hour_missing: Option<Missing>,
    /// raw: values as received; reviewed: as reviewers left them.
    #[arg(long, value_parser = review, default_value = "raw", value_name = "raw|reviewed")]
    review: Review,
    /// with: excluded days left out; without: as measured; both: beside one another, the main figures as the
    /// publication profile says.
    #[arg(long, value_parser = ExclusionView::parse, default_value = "both", value_name = "with|without|both")]
    exclusions: ExclusionView,
    /// The zone whose hours and days count [default: that of the data directory, else +08:00].
    #[arg(long, value_parser = offset, value_name = "+HH:MM", allow_hyphen_values = true)]
    zone: Option<Zone>,
    /// How the figures are printed.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// A switch that is given or left to the edition.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum YesNo {
    /// On.
    Yes,
    /// Off.
    No,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Json,
    Csv,
    Table,
}

/// Reads a kind of period.
///
/// # Errors
/// In words, naming the kinds there are.
pub fn period_kind(text: &str) -> Result<PeriodKind, String> {
    let known = PeriodKind::ALL.map(PeriodKind::key).join(", ");
    PeriodKind::from_key(text).ok_or_else(|| format!("expected one of {known}"))
}

/// How a range of days is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Hour,
    Period(PeriodKind),
}

impl By {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "hour" {
            return Ok(Self::Hour);
        }
        let known = PeriodKind::ALL.map(PeriodKind::key).join(", ");
        let kind = PeriodKind::from_key(text).map(Self::Period);
        kind.ok_or_else(|| format!("expected one of hour, {known}"))
    }
}

fn offset(text: &str) -> Result<Zone, String> {
    Zone::parse(text).ok_or_else(|| "an offset such as +08:00 is expected".to_owned())
}

/// Reads what the hourly index is made of.
///
/// # Errors
/// In words.
pub fn realtime(text: &str) -> Result<Realtime, String> {
    let expected = "standard, hourly-pm or nowcast is expected";
    Realtime::from_key(text).ok_or_else(|| expected.to_owned())
}

/// Reads what a missing item does.
///
/// # Errors
/// In words.
pub fn hour_missing(text: &str) -> Result<Missing, String> {
    let expected = "void, publish-above-100, publish-with-particles or publish is expected";
    Missing::from_key(text).ok_or_else(|| expected.to_owned())
}

/// Reads which values are meant.
///
/// # Errors
/// In words.
pub fn review(text: &str) -> Result<Review, String> {
    let known = [Review::Raw, Review::Reviewed];
    let found = known.into_iter().find(|review| review.key() == text);
    found.ok_or_else(|| "raw or reviewed is expected".to_owned())
}

/// Reads the class of an area.
///
/// # Errors
/// In words.
pub fn area_class(text: &str) -> Result<AreaClass, String> {
    AreaClass::from_key(text).ok_or_else(|| "1 or 2 is expected".to_owned())
}

impl AssessArgs {
    fn choices(&self) -> Choices {
        let yes = |choice: YesNo| matches!(choice, YesNo::Yes);
        Choices {
            round_first: self.round_first.map(yes),
            o3_exception: self.o3_exception.map(yes),
            o3_1h_item: self.o3_1h_item.map(yes),
            lift_zero: self.lift_zero.map(yes),
            area_class: self.area_class,
            min_stations: self.min_stations,
            composite: Some(self.composite),
            composite_weights: Some(self.composite_weights),
            realtime: self.realtime,
            hour_missing: self.hour_missing,
            exclusions: self.exclusions,
            known_on: None,
            fixed_set: matches!(self.format, Format::Json),
            ..Choices::default()
        }
    }

    fn stores(&self) -> anyhow::Result<Stores> {
        match &self.data {
            Some(directory) => open::for_reading(directory),
            None => Ok(Stores::memory()),
        }
    }

    /// Reads the files, if any.
    async fn read(&self, stores: &Stores, now: Instant) -> anyhow::Result<()> {
        if self.data.is_some() {
            return Ok(());
        }
        let rules = qc_rules::rules()?;
        let layout = self.layout.context("--layout is required with --input")?;
        for path in &self.input {
            let mut batch = Batch::new(now);
            for row in layout::open(path, layout)? {
                batch
                    .observations
                    .extend(observations::of_row(&row?, &rules, now));
                if batch.observations.len() >= CHUNK_ROWS {
                    stores
                        .series
                        .append(std::mem::replace(&mut batch, Batch::new(now)))
                        .await?;
                }
            }
            stores.series.append(batch).await?;
        }
        Ok(())
    }
}

/// Prints the figures asked for.
///
/// # Errors
/// Bad input, an unreadable file or data directory, or a failed write.
pub async fn assess(args: AssessArgs, now: Instant, mut out: impl Write) -> anyhow::Result<()> {
    let editions = Arc::new(standards::editions()?);
    let known_at = open::known_at(args.known_at, now)?;
    let mut asked = Asked::of(&args, &editions)?;
    let stores = args.stores()?;
    let zone = match args.zone {
        Some(zone) => zone,
        None => open::zone(&stores).await?,
    };
    asked.choices.known_on = Some(zone.local(known_at.unwrap_or(now)).date_naive());
    args.read(&stores, now).await?;
    let recipe = Recipe {
        series: Arc::clone(&stores.series),
        zone,
        editions: Arc::clone(&editions),
    };
    let registry = Arc::new(stores.registrar.registry().await?);
    let (days_of, seen) = open::viewed(args.review, &stores, recipe, known_at).await?;
    let assessor = Assessor {
        days: Arc::new(asked.area.days(&days_of, &registry, known_at).await?),
        registry,
        publication: standards::publication()?,
        editions,
    };
    asked
        .area
        .check(&assessor.registry, &assessor.days)
        .map_err(bad_input)?;
    let context = Context {
        area: &asked.area,
        zone,
        known_at: known_at.unwrap_or(now),
        simulated: assessor.simulated(&asked.area, asked.span),
        review: args.review,
    };
    let By::Period(by) = args.by else {
        let hours = Hours {
            recipe: &days_of,
            assessor: &assessor,
            edition: &asked.edition,
            choices: asked.choices,
            known_at,
        };
        let areas = match args.area.as_str() {
            EACH => hours.each(),
            _ => vec![asked.area.clone()],
        };
        let form = (args.format, args.bom, args.settings);
        return hours.print(context, &areas, asked.span, form, out).await;
    };
    if by == PeriodKind::Day {
        print_days(&args, &assessor, &asked, context, &mut out)
    } else {
        let (area, edition) = (&asked.area, &asked.edition);
        let mut reports = assessor.periods(area, asked.span, by, edition, asked.choices);
        for report in &mut reports {
            let span = report.assessment.period.span;
            let count = |seen| assessor.reviewed_values(area, span, seen);
            report.beside.seen = seen.as_ref().map(count);
        }
        print_periods(
            &args,
            &asked,
            &reports,
            &assessor.editions,
            context,
            &mut out,
        )
    }
}

/// What an assessment is asked about, checked.
struct Asked {
    area: Area,
    span: Span,
    edition: EditionChoice,
    choices: Choices,
}

impl Asked {
    fn of(args: &AssessArgs, editions: &Editions) -> anyhow::Result<Self> {
        let span = Span::checked(args.from, args.to)
            .map_err(|fault| bad_input(format!("--from/--to: {fault}")))?;
        let choices = args.choices();
        let area = match args.area.as_str() {
            EACH if args.by != By::Hour => {
                return Err(bad_input("--area each goes with --by hour"));
            }
            EACH => Area::Mean,
            named => Area::parse(named).map_err(bad_input)?,
        };
        let edition = EditionChoice::parse(&args.edition, editions)
            .map_err(|fault| bad_input(format!("--edition {fault}")))?;
        choices.fit(&edition, editions).map_err(bad_input)?;
        match args.by {
            By::Hour | By::Period(PeriodKind::Day) if args.exclusions == ExclusionView::With => {
                let fault = "--exclusions with: hours and days stand as measured; excluded days are left out of \
                             longer periods only";
                return Err(bad_input(fault));
            }
            By::Hour => choices
                .fit_hours(&edition, editions, span)
                .map_err(bad_input)?,
            By::Period(_) if args.realtime.is_some() || args.hour_missing.is_some() => {
                return Err(bad_input("--realtime and --hour-missing go with --by hour"));
            }
            By::Period(by) if by.cut(span).is_empty() => {
                let (by, from, to) = (by.key(), span.from, span.to);
                let fault = format!("--by {by}: no period ends within {from} to {to}");
                return Err(bad_input(fault));
            }
            By::Period(_) => {}
        }
        Ok(Self {
            area,
            span,
            edition,
            choices,
        })
    }
}

fn print_days(
    args: &AssessArgs,
    assessor: &Assessor,
    asked: &Asked,
    context: Context<'_>,
    mut out: impl Write,
) -> anyhow::Result<()> {
    let days = assessor.days(&asked.area, asked.span, &asked.edition, asked.choices);
    match args.format {
        Format::Csv => {
            let settings = |day: &_| {
                report::days::day_settings(context, &assessor.editions, asked.choices, day)
            };
            let form = CsvForm {
                known_at: context.zone.text(context.known_at),
                bom: args.bom,
                settings: args
                    .settings
                    .then(|| Box::new(settings) as RowSettings<'_, _>),
            };
            report::days::days_csv(&asked.area, &days, form, &mut out)?;
        }
        Format::Table => write!(out, "{}", report::days::days_table(&asked.area, &days))?,
        Format::Json => {
            for day in &days {
                writeln!(
                    out,
                    "{}",
                    report::days::day_json(context, &assessor.editions, asked.choices, day)
                )?;
            }
        }
    }
    Ok(())
}

fn print_periods(
    args: &AssessArgs,
    asked: &Asked,
    reports: &[PeriodReport],
    editions: &Editions,
    context: Context<'_>,
    mut out: impl Write,
) -> anyhow::Result<()> {
    let (area, edition) = (&asked.area, &asked.edition);
    match args.format {
        Format::Csv => {
            let settings = |row: &PeriodRow<'_>| row.settings(context);
            let form = CsvForm {
                known_at: context.zone.text(context.known_at),
                bom: args.bom,
                settings: args
                    .settings
                    .then(|| Box::new(settings) as RowSettings<'_, _>),
            };
            report::periods::periods_csv(area, edition, reports, form, &mut out)?;
        }
        Format::Table => {
            let table = report::periods::periods_table(area, edition, reports);
            write!(out, "{table}")?;
        }
        Format::Json => {
            for report in reports {
                let json = report::periods::period_json(context, editions, report);
                writeln!(out, "{json}")?;
            }
        }
    }
    Ok(())
}
