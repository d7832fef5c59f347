//! `skytier rank`: an area's rank among registered figures of others.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::DateTime;
use clap::ValueEnum;

use crate::adapters::lang::Lang;
use crate::adapters::report::Context;
use crate::adapters::report::ranking;
use crate::app::assess::review;
use crate::app::fault::bad_input;
use crate::app::open;
use crate::app::rate::parse_known_at;
use crate::app::standards;
use crate::domain::calendar::Instant;
use crate::domain::reading::Review;
use crate::domain::registry::peer::RankItem;
use crate::flow::area::Area;
use crate::flow::assess::Choices;
use crate::flow::beside::ExclusionView;
use crate::flow::ranking::RankQuestion;

/// Rank of an area among others in a period, by the level of a figure and by its change; ties share a rank.
///
/// Figures of other areas are entered with skytier register (table peers). Without any for the period, item and
/// edition there is no rank, and the reason is said.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Items: composite_index, pm25_mean, good_day_ratio, each with the rank of its change beside it;
composite_change_pct, pm25_change_pct, good_day_ratio_change_pp alone; pm10_mean, so2_mean, no2_mean, co_p95,
o3_p90, good_days, heavy_days.

Examples:
  skytier rank --data var/demo --area city --period 2020-H1 --item pm25_mean
  skytier rank --data var/demo --area city --division 320281 --period 2020-H1 --item composite_index --format json")]
pub struct RankArgs {
    /// A data directory; may be in use by a running daemon.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// group:ID, city (the group so named), station:ID or mean.
    #[arg(long, default_value = "city")]
    area: String,
    /// 2020, 2020-H1, 2020-Q2, 2020-07, 2020-07-X1, 2019-07..2020-06, 2018..2020 or 2020-01-01..2020-07-27.
    #[arg(long, value_name = "PERIOD")]
    period: String,
    /// What the areas are ranked by.
    #[arg(long, value_parser = RankItem::parse, value_name = "ITEM")]
    item: RankItem,
    /// The area's own division code: its place within a tie, and whose imported figures are left out [default: that
    /// of its group].
    #[arg(long, value_name = "CODE")]
    division: Option<String>,
    /// auto (the edition in force at the end of the period) or the id of one.
    #[arg(long, default_value = "auto")]
    edition: String,
    /// As known at this moment (RFC 3339), or at the end of a date; corrections that came later are left out.
    #[arg(long, value_name = "TIME", value_parser = parse_known_at)]
    known_at: Option<DateTime<chrono::FixedOffset>>,
    /// raw: values as received; reviewed: as reviewers left them.
    #[arg(long, value_parser = review, default_value = "raw", value_name = "raw|reviewed")]
    review: Review,
    /// with: days excluded from rankings left out; without: as measured; both: beside one another, the first as the
    /// publication profile says. Other areas' figures are taken as published.
    #[arg(long, value_parser = ExclusionView::parse, default_value = "both", value_name = "with|without|both")]
    exclusions: ExclusionView,
    /// How the ranks are printed.
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

/// Prints the ranks asked for.
///
/// # Errors
/// Bad input, or those of the store.
pub async fn run(args: RankArgs, now: Instant, out: &mut impl Write) -> anyhow::Result<()> {
    let editions = Arc::new(standards::editions()?);
    let area = Area::parse(&args.area).map_err(|fault| bad_input(format!("--area: {fault}")))?;
    let question = RankQuestion::read(
        &args.period,
        &args.edition,
        args.division.as_deref(),
        &editions,
    )
    .map_err(|(name, fault)| bad_input(format!("--{name}: {fault}")))?;
    let known_at = open::known_at(args.known_at, now)?;
    let stores = open::for_reading(&args.data)?;
    let zone = open::zone(&stores).await?;
    let viewed = open::view(&stores, editions, &area, known_at, args.review).await?;
    let assessor = viewed.assessor;
    area.check(&assessor.registry, &assessor.days)
        .map_err(|fault| bad_input(format!("--area: {fault}")))?;
    let choices = Choices {
        exclusions: args.exclusions,
        known_on: Some(zone.local(known_at.unwrap_or(now)).date_naive()),
        ..Choices::default()
    };
    let found = assessor.ranking(&area, &question, args.item, choices);
    let context = Context {
        area: &area,
        zone,
        known_at: known_at.unwrap_or(now),
        simulated: assessor.simulated(&area, question.period.span),
        review: args.review,
    };
    match args.format {
        Format::Json => {
            let json = ranking::ranking_json(context, &question, &found);
            writeln!(out, "{json}")?;
        }
        Format::Table => write!(
            out,
            "{}",
            ranking::ranking_table(context, &found, args.lang)
        )?,
    }
    Ok(())
}
