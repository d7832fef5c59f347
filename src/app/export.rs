//! `skytier export`: readings, hours, days or tiers out of a data directory, beside a running daemon if need be.

mod rows;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use chrono::NaiveDate;
use clap::ValueEnum;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;

use crate::adapters::export::ExportFault;
use crate::adapters::export::Form;
use crate::adapters::export::Sheet;
use crate::adapters::store::Stores;
use crate::app::cli::today;
use crate::app::draft::Draft;
use crate::app::export::rows::Export;
use crate::app::fault::bad_input;
use crate::app::open;
use crate::app::signals::unless_stopped;
use crate::app::standards;
use crate::domain::reading::Review;
use crate::flow::area::Area;
use crate::flow::assess::EditionChoice;

/// Write readings, hours, days or tiers as CSV, Parquet or an Excel workbook, row by row.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
readings  source,factor,stat,time,interval_s,value,flag,review, ordered by source, factor, stat, time
hours     as `skytier assess --by hour --format csv`, and the review state; each station, or --area
days      as `skytier assess --by day --format csv`, and the review state; each station, or --area
tiers     subject,on,rulebook,rulebook_sha256,score,tier,confidence,official_tier,official_as_of,official_source,
          next_change,next_score,next_tier; each unit of registry and ledger at the end of --on

A file appears under its name once it is whole; a pipe, a device or a link is written to as it is. In Parquet, figures are DECIMAL(18,6), times are in UTC.
A workbook takes 1,048,575 rows; texts are never formulas, times stay texts with their offset.

Examples:
  skytier export --data var/demo --what readings --format csv --out readings.csv
  skytier export --data var/demo --what readings --format csv --out - | head
  skytier export --data var/demo --what readings --review reviewed --out - | head
  skytier export --data var/demo --what days --format parquet --out days.parquet
  skytier export --data var/demo --what days --area city --format xlsx --out days.xlsx
  skytier export --data var/demo --what hours --area city --from 2020-01-01 --to 2020-01-31 --out -
  skytier export --data var/demo --what tiers --on 2026-06-30 --out tiers.csv")]
pub struct ExportArgs {
    /// The data directory; may be in use by a running daemon.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// What to write.
    #[arg(long, value_enum)]
    what: What,
    /// How to write it.
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// raw: values as received, marked where a decision stands; reviewed: as decided.
    #[arg(long, value_enum, default_value_t = View::Raw)]
    review: View,
    /// hours and days: station:ID, group:ID, city or mean; without it each station that has readings.
    #[arg(long, value_name = "AREA")]
    area: Option<String>,
    /// First day, of readings the day their period ends on; without it from the first there is.
    #[arg(long, value_name = "DATE")]
    from: Option<NaiveDate>,
    /// Last day; without it to the last there is.
    #[arg(long, value_name = "DATE")]
    to: Option<NaiveDate>,
    /// hours and days: auto (the edition in force) or one by its name.
    #[arg(long, default_value = "auto")]
    edition: String,
    /// tiers: the day; without it today.
    #[arg(long, value_name = "DATE")]
    on: Option<NaiveDate>,
    /// Where to; - is standard output.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    Readings,
    Hours,
    Days,
    Tiers,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum View {
    Raw,
    Reviewed,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Csv,
    Parquet,
    Xlsx,
}

impl ExportArgs {
    /// Options that say nothing for what is asked are refused, so that nobody believes they did.
    fn check(&self) -> anyhow::Result<()> {
        let of_areas = [What::Hours, What::Days].contains(&self.what);
        let of_time = self.what != What::Tiers;
        let wrong = [
            ("--area", self.area.is_some() && !of_areas, "hours and days"),
            (
                "--edition",
                self.edition != "auto" && !of_areas,
                "hours and days",
            ),
            (
                "--from",
                self.from.is_some() && !of_time,
                "readings, hours and days",
            ),
            (
                "--to",
                self.to.is_some() && !of_time,
                "readings, hours and days",
            ),
            (
                "--review",
                self.review != View::Raw && !of_time,
                "readings, hours and days",
            ),
            ("--on", self.on.is_some() && of_time, "tiers"),
        ];
        if let Some((option, _, whose)) = wrong.into_iter().find(|(_, wrong, _)| *wrong) {
            return Err(bad_input(format!("{option}: is for {whose} only")));
        }
        if self.from.zip(self.to).is_some_and(|(from, to)| from > to) {
            return Err(bad_input("--from: is after --to"));
        }
        Ok(())
    }
}

/// Runs the command with a progress bar on standard error.
///
/// # Errors
/// Faulty arguments, those of the store, or a file that cannot be written.
pub async fn run(args: ExportArgs, stdout: &mut (dyn Write + Send)) -> anyhow::Result<()> {
    args.check()?;
    let stores = open::for_reading(&args.data)?;
    let style = ProgressStyle::with_template("{bar:30} {human_pos}/{human_len}, {eta} left")
        .expect("the template is sound");
    let bar = ProgressBar::no_length().with_style(style);
    if args.out.as_os_str() == "-" {
        write(&args, &stores, &bar, stdout).await?;
        bar.finish_and_clear();
        return Ok(());
    }
    let place = || args.out.display().to_string();
    if args.out.is_dir() {
        return Err(bad_input(format!("--out {}: is a directory", place())));
    }
    // A pipe or a device must stay what it is, and so must a link.
    if std::fs::symlink_metadata(&args.out).is_ok_and(|there| !there.is_file()) {
        let file = std::fs::File::create(&args.out).with_context(place)?;
        let written = write(&args, &stores, &bar, std::io::BufWriter::new(file)).await;
        written.map_err(|fault| placed(fault, place()))?;
    } else {
        unless_stopped(async {
            let draft = Draft::beside(&args.out);
            let file = std::fs::File::create(draft.path()).with_context(place)?;
            let written = write(&args, &stores, &bar, std::io::BufWriter::new(&file)).await;
            written.map_err(|fault| placed(fault, place()))?;
            file.sync_all().with_context(place)?;
            std::fs::rename(draft.path(), &args.out).with_context(place)
        })
        .await?;
    }
    bar.finish_and_clear();
    Ok(())
}

/// A fault of writing with the file it was met in; those of the store name their own place.
fn placed(fault: anyhow::Error, place: String) -> anyhow::Error {
    if fault.is::<ExportFault>() || fault.is::<std::io::Error>() {
        return fault.context(place);
    }
    fault
}

async fn write(
    args: &ExportArgs,
    stores: &Stores,
    bar: &ProgressBar,
    out: impl Write + Send,
) -> anyhow::Result<()> {
    let editions = Arc::new(standards::editions()?);
    let edition = EditionChoice::parse(&args.edition, &editions);
    let export = Export {
        stores,
        edition: edition.map_err(|fault| bad_input(format!("--edition {fault}")))?,
        editions,
        review: match args.review {
            View::Raw => Review::Raw,
            View::Reviewed => Review::Reviewed,
        },
        area: args
            .area
            .as_deref()
            .map(Area::parse)
            .transpose()
            .map_err(bad_input)?,
        from: args.from,
        to: args.to,
        bar,
    };
    let form = match args.format {
        Format::Csv => Form::Csv,
        Format::Parquet => Form::Parquet,
        Format::Xlsx => Form::Xlsx,
    };
    let columns = match args.what {
        What::Readings => rows::reading_columns(),
        What::Hours => rows::hour_columns(),
        What::Days => rows::day_columns(),
        What::Tiers => rows::tier_columns(),
    };
    let mut sheet = Sheet::begin(form, &columns, out)?;
    match args.what {
        What::Readings => export.readings(&mut sheet).await?,
        What::Hours => export.hours(&mut sheet).await?,
        What::Days => export.days(&mut sheet).await?,
        What::Tiers => {
            export
                .tiers(&mut sheet, args.on.unwrap_or_else(today))
                .await?
        }
    }
    Ok(sheet.finish()?)
}
