//! How long something takes, by the clock and in processor time. On a machine that does other things too, the second
//! says more.

use std::time::Instant;

use anyhow::Context;

/// Clock ticks of a second in `/proc`.
const TICKS: f64 = 100.0;

/// Seconds by the clock and of processor time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Took {
    pub(crate) wall: f64,
    pub(crate) cpu: f64,
}

/// The middle one of some runs, by the clock, and what the last one made. What a run made is dropped between runs.
pub(crate) fn middle<T>(
    runs: usize,
    mut run: impl FnMut() -> anyhow::Result<T>,
) -> anyhow::Result<(Took, T)> {
    let (mut all, mut last) = (Vec::new(), None);
    for _ in 0..runs {
        drop(last.take());
        let (begun, before) = (Instant::now(), processor()?);
        last = Some(run()?);
        all.push(Took {
            wall: begun.elapsed().as_secs_f64(),
            cpu: processor()? - before,
        });
    }
    all.sort_by(|a, b| a.wall.total_cmp(&b.wall));
    let middle = all.get(runs / 2).copied();
    middle.zip(last).context("a run at least")
}

/// Processor time of this process so far, in the program and in the system for it.
fn processor() -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').context("a name in brackets")?;
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: Result<Vec<f64>, _> = ticks.map(str::parse::<f64>).collect();
    Ok(ticks?.iter().sum::<f64>() / TICKS)
}
