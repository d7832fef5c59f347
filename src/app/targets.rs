//! `skytier targets`: how an area's targets stand, and what the rest of the year must be.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::DateTime;
use chrono::NaiveDate;
use clap::ValueEnum;

use crate::adapters::lang::Lang;
use crate::adapters::report::Context;
use crate::adapters::report::targets;
use crate::app::assess::review;
use crate::app::fault::bad_input;
use crate::app::open;
use crate::app::rate::parse_known_at;
use crate::app::standards;
use crate::domain::calendar::Instant;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::domain::reading::Review;
use crate::flow::area::Area;
use crate::flow::assess::Choices;
use crate::flow::beside::ExclusionView;

/// Targets of an area on a day: value so far, control value for the days left, days short, where the year may end.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Targets are entered with skytier register (table targets). Data up to and including the day count.

Examples:
  skytier targets --data var/demo --area city
  skytier targets --data var/demo --area city --on 2025-07-27 --lang en
  skytier targets --data var/demo --area group:beijing6 --on 2016-07-27 --format json")]
pub struct TargetsArgs {
    /// A data directory; may be in use by a running daemon.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// group:ID or city (the group so named); for station:ID and mean, which targets do not bind, the projection
    /// alone.
    #[arg(long, default_value = "city")]
    area: String,
    /// The last day looked at [default: yesterday].
    #[arg(long, value_name = "DATE")]
    on: Option<NaiveDate>,
    /// As known at this moment (RFC 3339), or at the end of a date; corrections that came later are left out.
    #[arg(long, value_name = "TIME", value_parser = parse_known_at)]
    known_at: Option<DateTime<chrono::FixedOffset>>,
    /// raw: values as received; reviewed: as reviewers left them. Past years a projection draws from are of the same kind.
    #[arg(long, value_parser = review, default_value = "raw", value_name = "raw|reviewed")]
    review: Review,
    /// with: excluded days left out, also of past years; without: as measured; both: beside one another, the first as
    /// the publication profile says.
    #[arg(long, value_parser = ExclusionView::parse, default_value = "both", value_name = "with|without|both")]
    exclusions: ExclusionView,
    /// How the figures are printed.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Language of the table: zh or en.
    #[arg(long, value_parser = Lang::parse, default_value = "zh", value_name = "zh|en")]
    lang: Lang,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Json,
    Table,
}

/// Prints the targets asked for.
///
/// # Errors
/// Bad input, or those of the store.
pub async fn run(args: TargetsArgs, now: Instant, out: &mut impl Write) -> anyhow::Result<()> {
    let editions = Arc::new(standards::editions()?);
    let stores = open::for_reading(&args.data)?;
    let zone = open::zone(&stores).await?;
    let today = zone.local(now).date_naive();
    let on = args.on.or(today.pred_opt()).unwrap_or(today);
    // The whole year is looked at, so that is what has to lie within bounds.
    let year = PeriodKind::Year.containing(on).span;
    Span::checked(year.from, on).map_err(|fault| bad_input(format!("--on: {fault}")))?;
    let area = Area::parse(&args.area).map_err(|fault| bad_input(format!("--area: {fault}")))?;
    let known_at = open::known_at(args.known_at, now)?;
    let viewed = open::view(&stores, editions, &area, known_at, args.review).await?;
    let assessor = viewed.assessor;
    area.check(&assessor.registry, &assessor.days)
        .map_err(|fault| bad_input(format!("--area: {fault}")))?;
    let choices = Choices {
        exclusions: args.exclusions,
        known_on: Some(zone.local(known_at.unwrap_or(now)).date_naive()),
        ..Choices::default()
    };
    let pacing = assessor.pacing(&area, on, choices);
    let context = Context {
        area: &area,
        zone,
        known_at: known_at.unwrap_or(now),
        simulated: assessor.simulated(
            &area,
            Span {
                from: year.from,
                to: on,
            },
        ),
        review: args.review,
    };
    match args.format {
        Format::Json => writeln!(out, "{}", targets::pacing_json(context, &pacing))?,
        Format::Table => write!(
            out,
            "{}",
            targets::pacing_table(context, &pacing, args.lang)
        )?,
    }
    Ok(())
}
