//! Taking readings out by order: a mark is written in the place of each, and what stood there is kept as a revision.
//!
//! The order itself lies in the embedded store, with all orders. It is kept before anything is marked, and another note
//! says up to which order everything is: what a failure or an end left undone is done before anything else is written.

use std::sync::Arc;

use crate::adapters::store::influxdb2::Core;
use crate::adapters::store::influxdb2::cells::Cell;
use crate::adapters::store::influxdb2::client::Failure;
use crate::adapters::store::influxdb2::reader::ColumnOf;
use crate::adapters::store::influxdb2::reader::Ends;
use crate::adapters::store::influxdb2::writer::Known;
use crate::domain::calendar::Instant;
use crate::domain::deletion::Deletion;
use crate::domain::reading::SeriesKey;
use crate::ports::DELETED_MAX;
use crate::ports::Deleted;
use crate::ports::Registrar as _;
use crate::ports::Series as _;
use crate::ports::StoreError;

/// The mark of the last order that was carried out.
const MARK: &str = "influxdb2 orders done";

/// What an order means: columns, times and what stands there.
type Meant = Vec<(SeriesKey, i64, Cell)>;

impl Core {
    /// Carries an order out.
    pub(super) async fn delete(self: &Arc<Self>, order: Deletion) -> Result<Deleted, StoreError> {
        let mut known = self.known.lock().await;
        if let Some(cause) = self.trouble().clone() {
            return Err(self.unavailable(&cause));
        }
        self.resume(&mut known).await?;
        let found = self.meant(&self.ends(), &order).await;
        let found = found.map_err(|failure| self.fell(&failure))?;
        let Some(found) = found else {
            return Ok(Deleted::TooMany);
        };
        if found.is_empty() {
            return Ok(Deleted::Nothing);
        }
        let readings = found.len() as u64;
        let times = found
            .iter()
            .map(|(key, time, _)| (key.source.clone(), Instant::from_unix(*time)));
        let mut touched: Vec<_> = times.collect();
        touched.sort_unstable();
        touched.dedup();
        let number = self.base.keep_order(order.clone()).await?;
        let taken = self.take_out(&mut known, &order, found).await;
        taken.map_err(|failure| self.fell(&failure))?;
        self.base.set_mark(MARK, &number.to_string()).await?;
        Ok(Deleted::Done {
            number,
            readings,
            touched,
        })
    }

    /// Carries out what orders were kept and not done.
    pub(super) async fn finish_orders(
        &self,
        known: &mut Option<Known>,
        ends: &Ends,
    ) -> Result<(), StoreError> {
        let orders = self.base.deletions().await?;
        let done = self.base.mark(MARK).await?;
        let done: usize = done.and_then(|done| done.parse().ok()).unwrap_or_default();
        for (before, order) in orders.iter().enumerate().skip(done) {
            let found = self.meant(ends, order).await;
            let found = found.map_err(|failure| self.unavailable(failure.text()))?;
            let taken = self.take_out(known, order, found.unwrap_or_default()).await;
            taken.map_err(|failure| self.unavailable(failure.text()))?;
            self.base.set_mark(MARK, &(before + 1).to_string()).await?;
        }
        Ok(())
    }

    async fn meant(&self, ends: &Ends, order: &Deletion) -> Result<Option<Meant>, Failure> {
        let mut found = Vec::new();
        for (key, ends) in ends.iter().filter(|(key, _)| order.concerns(key)) {
            let column = ColumnOf {
                client: &self.client,
                bucket: &self.settings.bucket,
                key,
                ends: *ends,
            };
            let own = column.meant(order, DELETED_MAX - found.len()).await?;
            found.extend(
                own.into_iter()
                    .map(|(time, cell)| (key.clone(), time, cell)),
            );
            if found.len() > DELETED_MAX {
                return Ok(None);
            }
        }
        Ok(Some(found))
    }

    async fn take_out(
        &self,
        known: &mut Option<Known>,
        order: &Deletion,
        found: Meant,
    ) -> Result<(), Failure> {
        // After a failure nobody knows what the server has.
        let mut writer = known.take().unwrap_or_default();
        writer
            .take_out(&self.client, order.ordered_at, found)
            .await?;
        *known = Some(writer);
        Ok(())
    }
}
