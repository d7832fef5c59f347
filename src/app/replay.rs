//! `skytier replay`: recorded readings sent as a station sends them, over MQTT with acknowledgement.
//!
//! One message per station and interval, in the order of time over all files. The files are read through
//! once before anything is sent, so that a faulty line leaves nothing half done.

use std::path::PathBuf;
use std::process;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::adapters::layout;
use crate::adapters::layout::Layout;
use crate::adapters::layout::Row;
use crate::adapters::layout::Rows;
use crate::adapters::mqtt::address::Address;
use crate::adapters::mqtt::publisher;
use crate::adapters::mqtt::publisher::Outgoing;
use crate::adapters::mqtt::way::Way;
use crate::adapters::payload::topic::Channel;
use crate::adapters::payload::topic::PREFIX;
use crate::adapters::payload::topic::Target;
use crate::adapters::payload::topic::Topics;
use crate::app::fault::bad_input;
use crate::app::sender::SenderArgs;
use crate::domain::calendar::Zone;
use crate::domain::names::SourceKind;

/// Messages read ahead of the wire.
const AHEAD_MESSAGES: usize = 4_096;
/// Acknowledgements between two updates of the progress bar.
const PROGRESS_STEP: u64 = 256;

/// Send recorded readings to a running daemon, as stations would.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  skytier replay --input PRSA_Data_Dongsi.csv.gz --layout beijing-uci --to mqtt://127.0.0.1:1883
  skytier replay --input a.csv b.csv --layout canonical --to mqtt://127.0.0.1:1883 --rate 500
  skytier replay --input a.csv --layout canonical --to mqtts://air.example --ca ca.pem --user gateway --password-file gateway.pass")]
pub struct ReplayArgs {
    /// Files to send, `.csv` or `.csv.gz`; several are merged by time
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub input: Vec<PathBuf>,
    /// How they are laid out: beijing-uci, cnemc or canonical
    #[arg(long)]
    pub layout: Layout,
    /// Where to send them
    #[arg(long, value_name = "mqtt[s]://HOST:PORT", value_parser = Address::of_broker)]
    pub to: Address,
    /// Messages a second, or `max`
    #[arg(long, default_value = "max", value_name = "max|N")]
    pub rate: Rate,
    /// Topics start with this
    #[arg(long, default_value = PREFIX)]
    pub prefix: String,
    /// Who sends.
    #[command(flatten)]
    pub sender: SenderArgs,
}

/// How fast to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// As fast as it is acknowledged.
    Max,
    /// Messages a second, at least one.
    PerSecond(u32),
}

/// The text is no rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rate {0:?}; give `max` or messages a second, such as 500")]
pub struct RateFault(String);

impl FromStr for Rate {
    type Err = RateFault;

    fn from_str(text: &str) -> Result<Self, RateFault> {
        match text.parse() {
            _ if text == "max" => Ok(Self::Max),
            Ok(messages) if messages > 0 => Ok(Self::PerSecond(messages)),
            _ => Err(RateFault(text.to_owned())),
        }
    }
}

/// What a replay did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayReport {
    /// Messages sent and acknowledged.
    pub messages: u64,
    /// Values in them, missing ones not counted.
    pub values: u64,
    /// Time from the first message to the last acknowledgement.
    pub took: Duration,
}

/// Runs the command with a progress bar on standard error.
///
/// # Errors
/// When a file is faulty or not every message was acknowledged.
pub async fn run(args: &ReplayArgs) -> anyhow::Result<ReplayReport> {
    let topics = Topics::new(&args.prefix).map_err(bad_input)?;
    let way = args.sender.way(&args.to)?;
    let bar = ProgressBar::no_length().with_style(style());
    let sent = replay(
        &args.input,
        args.layout,
        &way,
        &topics,
        args.rate,
        Some(bar),
    );
    sent.await
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:30} {human_pos}/{human_len} messages, {per_sec}, {eta} left")
        .expect("the template is sound")
}

/// Sends the files and waits for every acknowledgement.
///
/// # Errors
/// When a file is faulty (nothing is sent then) or not every message was acknowledged.
pub async fn replay(
    files: &[PathBuf],
    layout: Layout,
    to: &Way,
    topics: &Topics,
    rate: Rate,
    progress: Option<ProgressBar>,
) -> anyhow::Result<ReplayReport> {
    let bar = progress.unwrap_or_else(ProgressBar::hidden);
    let counted = files.to_vec();
    let (messages, values) = tokio::task::spawn_blocking(move || count(&counted, layout))
        .await
        .context("count the rows")??;
    bar.set_length(messages);
    let (ready, read) = mpsc::channel(AHEAD_MESSAGES);
    let merged = Merged::open(files, layout)?;
    let encoding = topics.clone();
    let reading = tokio::task::spawn_blocking(move || send_rows(merged, &encoding, &ready));
    let outgoing = match rate {
        Rate::Max => read,
        Rate::PerSecond(messages) => paced(read, messages),
    };
    let client_id = format!("skytier-replay-{}", process::id());
    let started = Instant::now();
    let acked = publisher::publish_all(to, &client_id, outgoing, |acked| {
        if acked % PROGRESS_STEP == 0 {
            bar.set_position(acked);
        }
    });
    let acked = acked.await?;
    let took = started.elapsed();
    reading.await.context("read the rows")??;
    anyhow::ensure!(
        acked == messages,
        "{acked} of {messages} messages were acknowledged; did a file change meanwhile?"
    );
    bar.set_position(acked);
    bar.finish();
    Ok(ReplayReport {
        messages,
        values,
        took,
    })
}

/// Rows and values of all files.
fn count(files: &[PathBuf], layout: Layout) -> Result<(u64, u64), layout::LayoutFault> {
    let (mut messages, mut values) = (0, 0);
    for file in files {
        for row in layout::open(file, layout)? {
            messages += 1;
            values += row?.measured().filter_map(|(_, value)| value).count() as u64;
        }
    }
    Ok((messages, values))
}

/// Several files as one, by time; each file is taken in its own order.
struct Merged(Vec<(Rows, Option<Row>)>);

impl Merged {
    fn open(files: &[PathBuf], layout: Layout) -> Result<Self, layout::LayoutFault> {
        let heads = files.iter().map(|file| {
            let mut rows = layout::open(file, layout)?;
            let head = rows.next().transpose()?;
            Ok((rows, head))
        });
        heads.collect::<Result<_, _>>().map(Self)
    }
}

impl Iterator for Merged {
    type Item = Result<Row, layout::LayoutFault>;

    fn next(&mut self) -> Option<Self::Item> {
        let heads = self.0.iter().enumerate();
        let times = heads.filter_map(|(at, (_, head))| head.as_ref().map(|row| (row.time, at)));
        let (_, at) = times.min()?;
        let (rows, head) = &mut self.0[at];
        let row = head.take();
        match rows.next().transpose() {
            Ok(next) => *head = next,
            Err(fault) => return Some(Err(fault)),
        }
        row.map(Ok)
    }
}

/// Encodes the rows and hands them over until the other end is gone.
fn send_rows(
    rows: Merged,
    topics: &Topics,
    ready: &mpsc::Sender<Outgoing>,
) -> Result<(), layout::LayoutFault> {
    for row in rows {
        if ready.blocking_send(message(&row?, topics)).is_err() {
            break;
        }
    }
    Ok(())
}

/// Passes messages on at a steady rate.
fn paced(mut read: mpsc::Receiver<Outgoing>, rate: u32) -> mpsc::Receiver<Outgoing> {
    let (ready, outgoing) = mpsc::channel(AHEAD_MESSAGES);
    tokio::spawn(async move {
        let started = Instant::now();
        let mut sent = 0u64;
        while let Some(message) = read.recv().await {
            let due = Duration::from_secs_f64(sent as f64 / f64::from(rate));
            tokio::time::sleep_until(started + due).await;
            if ready.send(message).await.is_err() {
                break;
            }
            sent += 1;
        }
    });
    outgoing
}

/// The message a station would send for the row.
fn message(row: &Row, topics: &Topics) -> Outgoing {
    let target = Target {
        kind: SourceKind::Station,
        source: row.station.clone(),
        channel: Channel::Readings,
    };
    let values: Vec<String> = row
        .measured()
        .map(|(factor, value)| {
            let value = value.map_or("null".to_owned(), |value| value.to_string());
            format!("\"{factor}\":{value}")
        })
        .collect();
    let payload = format!(
        "{{\"time\":\"{}\",\"interval_s\":{},\"values\":{{{}}}}}",
        Zone::beijing().text(row.time),
        row.interval_s,
        values.join(","),
    );
    Outgoing {
        topic: topics.topic(&target),
        payload: payload.into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::adapters::payload::Decoder;
    use crate::domain::calendar::Instant as Stamp;
    use crate::domain::names::SourceId;
    use crate::domain::units::Amount;

    #[test]
    fn what_is_sent_reads_back_as_the_row() {
        let row = Row {
            station: SourceId::new("Dongsi").expect("a sound id"),
            time: Stamp::from_unix(1_577_851_200),
            interval_s: 3_600,
            values: [
                Some(Amount::from_micros(40_700_000)),
                None,
                None,
                None,
                None,
                Some(Amount::from_micros(1)),
            ],
            wind: Some([Some(Amount::from_micros(5_700_000)), None]),
        };
        let topics = Topics::default();
        let message = message(&row, &topics);
        let target = topics.target(&message.topic).expect("a topic of ours");
        let decoded = Decoder::default().decode(&target, &message.payload, None, row.time);
        let readings = decoded.expect("a payload of ours").readings;
        let values: Vec<Option<Amount>> = readings.iter().map(|o| o.reading.value).collect();
        assert_eq!(values[..6], row.values);
        assert_eq!(
            Some(&values[6..]),
            row.wind.as_ref().map(<[_; 2]>::as_slice)
        );
        assert_eq!(readings[6].key.factor.as_str(), "a01007");
        assert!(
            readings
                .iter()
                .all(|o| o.reading.time == row.time && o.key.interval_s == 3_600)
        );
    }

    #[test]
    fn the_command_line_is_read() {
        use clap::Args;
        use clap::FromArgMatches;

        let command = ReplayArgs::augment_args(clap::Command::new("replay"));
        command.clone().debug_assert();
        let words = "replay --input a.csv b.csv.gz --layout canonical --to mqtt://h --rate 9";
        let read = command.clone().try_get_matches_from(words.split(' '));
        let args = read.and_then(|matches| ReplayArgs::from_arg_matches(&matches));
        let args = args.expect("a sound command line");
        assert_eq!((args.input.len(), args.layout), (2, Layout::Canonical));
        assert_eq!((args.to.port, args.rate), (1883, Rate::PerSecond(9)));
        for (right, wrong) in [
            ("canonical", "uci"),
            ("mqtt://h", "localhost"),
            ("--rate 9", "--rate 0"),
            ("--input a.csv b.csv.gz", ""),
        ] {
            let words = words.replace(right, wrong);
            let read = command.clone().try_get_matches_from(words.split(' '));
            assert!(read.is_err(), "{words}");
        }
    }

    #[test]
    fn rates_are_max_or_a_positive_number() {
        assert_eq!("max".parse(), Ok(Rate::Max));
        assert_eq!("500".parse(), Ok(Rate::PerSecond(500)));
        for bad in ["", "0", "-1", "fast", "1.5"] {
            assert!(bad.parse::<Rate>().is_err(), "{bad}");
        }
    }
}
