//! `skytier bulletin`: what a bureau prints of a day, ten days, a month, a quarter, half a year or a year.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use chrono::DateTime;

use crate::adapters::bulletin;
use crate::adapters::bulletin::Form;
use crate::adapters::lang::Lang;
use crate::app::assess::review;
use crate::app::fault::bad_input;
use crate::app::open;
use crate::app::rate::parse_known_at;
use crate::app::standards;
use crate::domain::calendar::Instant;
use crate::domain::reading::Review;
use crate::flow::area::Area;
use crate::flow::assess::EditionChoice;
use crate::flow::bulletin::BulletinWish;
use crate::flow::bulletin::Issue;
use crate::flow::bulletin::gather;
use crate::flow::publishing::PublishFault;
use crate::flow::publishing::publish;
use crate::flow::publishing::settled;
use crate::flow::ranking::read_division;

/// A bulletin of an area, Chinese or English, as text or as a page to print on A4.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  skytier bulletin --data var/demo --area city --period 2020-H1
  skytier bulletin --data var/demo --area city --period 2020-H1 --lang en --format html --out /tmp/2020-H1.html
  skytier bulletin --data var/demo --area group:beijing6 --period 2016-12-01
  skytier bulletin --data var/demo --area group:beijing6 --period 2016-12-xun2")]
pub struct BulletinArgs {
    /// The data directory; may be in use by a running daemon.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// station:ID, group:ID, city (the group so named) or mean (all stations).
    #[arg(long)]
    area: String,
    /// 2020, 2020-H1, 2020-Q3, 2020-07, 2020-07-xun2 or 2020-07-27.
    #[arg(long, value_name = "PERIOD")]
    period: String,
    /// zh or en.
    #[arg(long, value_parser = Lang::parse, default_value = "zh")]
    lang: Lang,
    /// text or html.
    #[arg(long, value_parser = form, default_value = "text")]
    format: Form,
    /// auto (the edition in force on the last day) or the id of an edition.
    #[arg(long, default_value = "auto")]
    edition: String,
    /// The area's own division code, for its place among others [default: that of its group].
    #[arg(long, value_parser = read_division, value_name = "CODE")]
    division: Option<String>,
    /// raw: readings as received; reviewed: as reviewers left them.
    #[arg(long, value_parser = review, default_value = "raw", value_name = "raw|reviewed")]
    review: Review,
    /// As known at this moment (RFC 3339), or at the end of a date; what came later is left out.
    #[arg(long, value_name = "TIME", value_parser = parse_known_at)]
    known_at: Option<DateTime<chrono::FixedOffset>>,
    /// Remember the figures as published; `skytier restatements` tells when they change. No daemon may have the
    /// directory open.
    #[arg(long)]
    issue: bool,
    /// Where to; standard output if left out.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

fn form(text: &str) -> Result<Form, String> {
    Form::from_key(text).ok_or_else(|| "text or html is expected".to_owned())
}

/// Prints or writes the bulletin asked for.
///
/// # Errors
/// Bad input, an unreadable data directory, or a failed write.
pub async fn run(args: BulletinArgs, now: Instant, stdout: &mut dyn Write) -> anyhow::Result<()> {
    let editions = Arc::new(standards::editions()?);
    let issue =
        Issue::parse(&args.period).map_err(|fault| bad_input(format!("--period {fault}")))?;
    let area = Area::parse(&args.area).map_err(bad_input)?;
    let edition = EditionChoice::parse(&args.edition, &editions)
        .map_err(|fault| bad_input(format!("--edition {fault}")))?;
    let known_at = open::known_at(args.known_at, now)?;
    let stores = if args.issue {
        open::for_writing(&args.data)?
    } else {
        open::for_reading(&args.data)?
    };
    let zone = open::zone(&stores).await?;
    let viewed = open::view(&stores, editions, &area, known_at, args.review).await?;
    let assessor = viewed.assessor;
    area.check(&assessor.registry, &assessor.days)
        .map_err(bad_input)?;
    let wish = BulletinWish {
        area,
        issue,
        edition: edition.clone(),
        division_code: args.division,
        seen: viewed.seen.map(Arc::new),
        known_at,
        now,
        zone,
    };
    let gathered =
        gather(&assessor, wish).map_err(|fault| bad_input(format!("--period {fault}")))?;
    let text = bulletin::render(&gathered, args.lang, args.format);
    let release = match args.issue {
        true => {
            let release = gathered.release(edition, bulletin::digest(&text));
            let release = release.map_err(|fault| bad_input(format!("--issue: {fault}")))?;
            let settled = settled(&*stores.series, &assessor, &release, || now).await;
            settled.map_err(refused)?;
            Some(release)
        }
        false => None,
    };
    match &args.out {
        None => stdout.write_all(text.as_bytes())?,
        Some(path) => std::fs::write(path, &text).with_context(|| path.display().to_string())?,
    }
    if let Some(release) = release {
        let published = publish(&*stores.publications, &assessor, &release).await;
        let published = published.map_err(refused)?;
        for (number, issue) in published {
            let sha256 = issue.text_sha256.unwrap_or_default();
            writeln!(std::io::stderr(), "issue {number}, sha256 {sha256}")?;
        }
    }
    Ok(())
}

fn refused(fault: PublishFault) -> anyhow::Error {
    match fault {
        PublishFault::Store(cause) => anyhow::Error::new(cause),
        other => bad_input(format!("--issue: {other}")),
    }
}
