//! `skytier publish` and `skytier restatements`: figures as they were said, and what would be said otherwise now.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use chrono::DateTime;
use chrono::NaiveDate;
use clap::ValueEnum;

use crate::adapters::lang::Lang;
use crate::adapters::publications::issue_json;
use crate::adapters::publications::print;
use crate::adapters::store::Stores;
use crate::app::assess::YesNo;
use crate::app::assess::area_class;
use crate::app::assess::period_kind;
use crate::app::assess::review;
use crate::app::fault::bad_input;
use crate::app::open;
use crate::app::rate::parse_known_at;
use crate::app::standards;
use crate::domain::area::MinStations;
use crate::domain::assessment::composite::Singles;
use crate::domain::assessment::composite::Weights;
use crate::domain::calendar::Instant;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::domain::calendar::Zone;
use crate::domain::publication::Issue;
use crate::domain::publication::IssueKind;
use crate::domain::publication::latest;
use crate::domain::reading::Review;
use crate::domain::standards::AreaClass;
use crate::flow::area::Area;
use crate::flow::assess::Assessor;
use crate::flow::assess::Choices;
use crate::flow::assess::EditionChoice;
use crate::flow::beside::ExclusionView;
use crate::flow::publishing;
use crate::flow::publishing::PublishFault;
use crate::flow::publishing::Release;
use crate::flow::restatement;
use crate::flow::restatement::Present;
use crate::flow::reviewed::over;
use crate::flow::rollup::Recipe;
use crate::flow::rollup::StationDays;

/// Remember figures as published, so that `skytier restatements` can tell what of them changed since.
///
/// Prints one JSON object an issue. The directory must not be in use by a daemon: a running one takes the same at
/// POST /v1/publications.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  skytier publish --data var/city --area city --from 2020-01-01 --to 2020-06-30 --by half
  skytier publish --data var/city --area city --from 2020-01-01 --to 2020-01-31 --by day --edition 2012
  skytier publish --data var/city --area city --from 2020-01-01 --to 2020-12-31 --by year --review reviewed \
      --exclusions with
  skytier publish --data var/city --list")]
pub struct PublishArgs {
    /// The data directory.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Print what was published so far instead; works beside a running daemon.
    #[arg(long)]
    list: bool,
    /// station:ID, group:ID, city (the group so named) or mean (all stations).
    #[arg(long, required_unless_present = "list")]
    area: Option<String>,
    /// First day.
    #[arg(long, value_name = "DATE", required_unless_present = "list")]
    from: Option<NaiveDate>,
    /// Last day.
    #[arg(long, value_name = "DATE", required_unless_present = "list")]
    to: Option<NaiveDate>,
    /// How the range is cut into periods, as in `skytier assess`.
    #[arg(long, value_parser = period_kind, default_value = "period", value_name = "KIND")]
    by: PeriodKind,
    /// auto (the edition in force) or the id of an edition.
    #[arg(long, default_value = "auto")]
    edition: String,
    /// As known at this moment (RFC 3339), or at the end of a date, for what was published earlier [default: now].
    #[arg(long, value_name = "TIME", value_parser = parse_known_at)]
    known_at: Option<DateTime<chrono::FixedOffset>>,
    /// raw: values as received; reviewed: as reviewers left them.
    #[arg(long, value_parser = review, default_value = "raw", value_name = "raw|reviewed")]
    review: Review,
    /// with: excluded days left out of periods; without: every day as measured [default: the publication profile's].
    #[arg(long, value_parser = side, value_name = "with|without")]
    exclusions: Option<ExclusionView>,
    /// Round concentrations before the index [default: the edition's].
    #[arg(long, value_enum)]
    round_first: Option<YesNo>,
    /// An ozone day with fewer than 14 valid windows counts when it exceeds the limit [default: the edition's].
    #[arg(long, value_enum)]
    o3_exception: Option<YesNo>,
    /// The ozone one-hour maximum as a seventh item of the day [default: the edition's].
    #[arg(long, value_enum)]
    o3_1h_item: Option<YesNo>,
    /// Print an index of 0 as 1.
    #[arg(long, value_enum)]
    lift_zero: Option<YesNo>,
    /// Class of the area, whose limit the ozone exception speaks of: 1 or 2 [default: 2].
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
}

/// List every published item that would be said otherwise now: old, new, difference and what changed since.
///
/// Of issues of the same figures the latest counts. Nothing is listed when nothing changed.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  skytier restatements --data var/city
  skytier restatements --data var/city --area city --format json
  skytier restatements --data var/city --format csv")]
pub struct RestatementsArgs {
    /// The data directory; may be in use by a running daemon.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Only issues of this area.
    #[arg(long)]
    area: Option<String>,
    /// How the list is printed.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Language of the table: zh or en.
    #[arg(long, value_parser = Lang::parse, default_value = "zh")]
    lang: Lang,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Json,
    Csv,
    Table,
}

/// Remembers the figures asked for and prints them.
///
/// # Errors
/// Bad input, a directory that is missing or in use, or a failed write.
pub async fn publish(
    args: PublishArgs,
    clock: fn() -> Instant,
    mut out: impl Write,
) -> anyhow::Result<()> {
    // A directory that does not exist is a slip of the pen here; writing would make one.
    let stores = open::for_reading(&args.data)?;
    let zone = open::zone(&stores).await?;
    if args.list {
        return print_issues(zone, &stores.publications.issues().await?, &mut out);
    }
    drop(stores);
    let stores = open::for_writing(&args.data)
        .context("to publish beside a running daemon, use POST /v1/publications")?;
    let now = clock();
    let release = release(&args, zone, now)?;
    let editions = Arc::new(standards::editions()?);
    let known_at = Some(release.known_at);
    let (area, review) = (&release.area, release.review);
    let assessor = open::assessor_of(&stores, editions, area, known_at, review).await?;
    release
        .area
        .check(&assessor.registry, &assessor.days)
        .map_err(bad_input)?;
    let settled = publishing::settled(&*stores.series, &assessor, &release, clock).await;
    settled.map_err(refused)?;
    let published = publishing::publish(&*stores.publications, &assessor, &release).await;
    let published = published.map_err(refused)?;
    publishing::pass(clock, now).await;
    print_issues(zone, &published, &mut out)
}

fn refused(fault: PublishFault) -> anyhow::Error {
    match fault {
        PublishFault::Store(cause) => cause.into(),
        fault => bad_input(fault),
    }
}

/// Reads whether excluded days are left out.
fn side(text: &str) -> Result<ExclusionView, String> {
    match ExclusionView::parse(text) {
        Ok(ExclusionView::Both) | Err(_) => Err("with or without is expected".to_owned()),
        view => view,
    }
}

fn release(args: &PublishArgs, zone: Zone, now: Instant) -> anyhow::Result<Release> {
    let editions = standards::editions()?;
    let (area, from, to) = (args.area.as_deref(), args.from, args.to);
    let missing = "--area, --from and --to are needed without --list";
    let span = Span::checked(from.context(missing)?, to.context(missing)?)
        .map_err(|fault| bad_input(format!("--from/--to: {fault}")))?;
    let yes = |choice: YesNo| matches!(choice, YesNo::Yes);
    let known_at = open::known_at(args.known_at, now)?;
    Ok(Release {
        kind: IssueKind::Snapshot,
        area: Area::parse(area.context(missing)?).map_err(bad_input)?,
        span,
        by: args.by,
        edition: EditionChoice::parse(&args.edition, &editions)
            .map_err(|fault| bad_input(format!("--edition {fault}")))?,
        choices: Choices {
            round_first: args.round_first.map(yes),
            o3_exception: args.o3_exception.map(yes),
            o3_1h_item: args.o3_1h_item.map(yes),
            lift_zero: args.lift_zero.map(yes),
            area_class: args.area_class,
            min_stations: args.min_stations,
            composite: Some(args.composite),
            composite_weights: Some(args.composite_weights),
            realtime: None,
            hour_missing: None,
            exclusions: args.exclusions.unwrap_or_default(),
            ..Choices::default()
        },
        review: args.review,
        zone,
        issued_at: now,
        known_at: known_at.unwrap_or(now),
        text_sha256: None,
    })
}

fn print_issues(zone: Zone, issues: &[(u64, Issue)], out: &mut impl Write) -> anyhow::Result<()> {
    for (number, issue) in issues {
        writeln!(out, "{}", issue_json(zone, *number, issue))?;
    }
    Ok(())
}

/// Prints what would be said otherwise now.
///
/// # Errors
/// Bad input, an unreadable data directory, or a failed write.
pub async fn restatements(
    args: RestatementsArgs,
    now: Instant,
    mut out: impl Write,
) -> anyhow::Result<()> {
    let area = args.area.as_deref().map(Area::parse).transpose();
    let area = area.map_err(bad_input)?.map(|area| area.text());
    let stores = open::for_reading(&args.data)?;
    let mut issues = stores.publications.issues().await?;
    issues.retain(|(_, issue)| area.as_ref().is_none_or(|area| *area == issue.area));
    let present = present(&stores, &issues, now).await?;
    let found = restatement::restatements(&present, &issues).await?;
    let zone = present.recipe.zone;
    match args.format {
        Format::Csv => print::restatements_csv(zone, &found, &mut out)?,
        Format::Table => write!(
            out,
            "{}",
            print::restatements_table(zone, args.lang, &found)
        )?,
        Format::Json => {
            for restatement in &found {
                writeln!(out, "{}", print::restatement_json(zone, restatement))?;
            }
        }
    }
    Ok(())
}

/// What the issues are held against.
async fn present(
    stores: &Stores,
    issues: &[(u64, Issue)],
    now: Instant,
) -> anyhow::Result<Present> {
    let editions = Arc::new(standards::editions()?);
    let (recipe, assessor) = open::tools(stores, editions).await?;
    let decisions = open::decisions(stores).await?;
    let decided = over(&recipe, &decisions, true);
    let of = async |recipe: &Recipe, review| {
        let days = days_of(recipe, &assessor, issues, review).await?;
        let assessor = assessor.clone();
        anyhow::Ok(Assessor {
            days: Arc::new(days),
            ..assessor
        })
    };
    Ok(Present {
        raw: of(&recipe, Review::Raw).await?,
        reviewed: of(&decided, Review::Reviewed).await?,
        known_on: recipe.zone.local(now).date_naive(),
        recipe,
        decisions,
    })
}

/// The days that any of the issues of raw or reviewed values rests on.
async fn days_of(
    recipe: &Recipe,
    assessor: &Assessor,
    issues: &[(u64, Issue)],
    review: Review,
) -> anyhow::Result<StationDays> {
    let mut areas: Vec<&str> = latest(issues)
        .into_iter()
        .filter(|(_, issue)| issue.review == review)
        .map(|(_, issue)| issue.area.as_str())
        .collect();
    areas.sort_unstable();
    areas.dedup();
    let mut days = StationDays::new();
    for text in areas {
        let area = Area::parse(text).map_err(bad_input)?;
        days.extend(area.days(recipe, &assessor.registry, None).await?);
    }
    Ok(days)
}
