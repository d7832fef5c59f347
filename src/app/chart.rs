//! `skytier chart`: one chart of the pages into a file.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context as _;

use crate::adapters::bulletin::typeface::carried;
use crate::adapters::chart::Size;
use crate::adapters::chart::png;
use crate::adapters::http::charts::Form;
use crate::adapters::http::charts::size;
use crate::adapters::http::desk;
use crate::adapters::http::desk::Kind;
use crate::adapters::http::desk::Wish;
use crate::adapters::http::error::Problem;
use crate::adapters::lang::Lang;
use crate::app::assess::review;
use crate::app::daemon::still::still;
use crate::app::draft::Draft;
use crate::app::fault::bad_input;
use crate::domain::calendar::Instant;
use crate::domain::reading::Review;
use crate::flow::area::Area;

/// One chart as SVG or PNG, Chinese or English.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
pm25, ratio    the year so far against limit and targets     days, months   PM2.5 of the year
calendar       the year's AQI days; years: all of them       hours          PM2.5 by hour of the day and month
both           PM2.5 and ozone by month                      compared       stations of a group by month
map            where the stations lie                        outlook, outlook-ratio   where the year may end
tiers          enterprises by tier, at the end of --year or today

A PNG has two pixels for one each way, the chart's name above it, and needs no font on the machine; a character that the
built-in typeface lacks is spelled out, as [U+9F98].

Examples:
  skytier chart calendar --data var/demo --area group:beijing6 --year 2016 --out /tmp/calendar.svg
  skytier chart months --data var/demo --area city --year 2020 --lang en --out /tmp/months.png
  skytier chart tiers --data var/demo --size narrow --out /tmp/tiers.png")]
pub struct ChartArgs {
    /// Which chart.
    #[arg(value_parser = Kind::parse, value_name = "KIND")]
    kind: Kind,
    /// The data directory; may be in use by a running daemon.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// station:ID, group:ID, city or mean; without it what the pages open on.
    #[arg(long, value_name = "AREA")]
    area: Option<String>,
    /// The year; without it the newest with data.
    #[arg(long, value_name = "YEAR", value_parser = clap::value_parser!(i32).range(1900..=9999))]
    year: Option<i32>,
    /// raw: readings as received; reviewed: as reviewers left them.
    #[arg(long, value_parser = review, default_value = "raw", value_name = "raw|reviewed")]
    review: Review,
    /// zh or en.
    #[arg(long, value_parser = Lang::parse, default_value = "zh")]
    lang: Lang,
    /// wide: 960 px for desks; narrow: 360 px for telephones.
    #[arg(long, value_parser = size, default_value = "wide", value_name = "wide|narrow")]
    size: Size,
    /// Where to: a name that ends in .svg or .png.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Draws the chart asked for.
///
/// # Errors
/// Bad input, an unreadable data directory, or a failed write.
pub async fn run(
    args: &ChartArgs,
    clock: fn() -> Instant,
    stdout: &mut (dyn Write + Send),
) -> anyhow::Result<()> {
    let place = args.out.display().to_string();
    let form = Form::split(&place).map(|(_, form)| form);
    let form = form.ok_or_else(|| {
        bad_input(format!(
            "--out {place}: a name that ends in .svg or .png is expected"
        ))
    })?;
    let area = args.area.as_deref().map(Area::parse).transpose();
    let wish = Wish {
        lang: args.lang,
        area: area.map_err(bad_input)?,
        year: args.year,
        review: args.review,
        after: None,
    };
    let state = still(&args.data, clock).await?;
    let svg = desk::plot(&state, args.kind, wish, args.size).await;
    let svg = svg.map_err(|problem| match problem {
        Problem::BadRequest { parameter, detail } => bad_input(format!("--{parameter}: {detail}")),
        Problem::NotFound(detail) => bad_input(detail),
        other => anyhow::anyhow!(other.words()),
    })?;
    let bytes = match form {
        Form::Svg => carried(&svg).into_bytes(),
        Form::Png => png(&svg),
    };
    let draft = Draft::beside(&args.out);
    std::fs::write(draft.path(), &bytes).with_context(|| place.clone())?;
    std::fs::rename(draft.path(), &args.out).with_context(|| place.clone())?;
    Ok(writeln!(stdout, "{place}: {} bytes", bytes.len())?)
}
