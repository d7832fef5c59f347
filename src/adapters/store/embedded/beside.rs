//! Threads beside the writer's: each takes one order after the other and answers it.

use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::TryRecvError;
use std::thread::JoinHandle;

use crate::adapters::store::embedded::Fault;

/// A thread that works for the writer. It ends when this is dropped.
pub(super) struct Beside<O, A> {
    name: &'static str,
    orders: Option<SyncSender<O>>,
    answers: Receiver<A>,
    thread: Option<JoinHandle<()>>,
}

impl<O: Send + 'static, A: Send + 'static> Beside<O, A> {
    /// Starts the thread; at most `orders_max` orders may be without an answer.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub(super) fn start(
        name: &'static str,
        orders_max: usize,
        mut work: impl FnMut(O) -> A + Send + 'static,
    ) -> std::io::Result<Self> {
        let (orders, to_do) = mpsc::sync_channel::<O>(orders_max);
        let (done, answers) = mpsc::sync_channel(orders_max);
        let run = move || {
            for order in to_do {
                if done.send(work(order)).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name(name.to_owned());
        Ok(Self {
            name,
            orders: Some(orders),
            answers,
            thread: Some(thread.spawn(run)?),
        })
    }

    /// Hands an order over.
    pub(super) fn order(&self, order: O) -> Result<(), Fault> {
        let orders = self.orders.as_ref().ok_or_else(|| self.gone())?;
        orders.send(order).map_err(|_| self.gone())
    }

    /// The answer to the oldest order; `None` when there is none yet and nobody waits for it.
    pub(super) fn answer(&self, wait: bool) -> Result<Option<A>, Fault> {
        if wait {
            return self.answers.recv().map(Some).map_err(|_| self.gone());
        }
        match self.answers.try_recv() {
            Ok(answer) => Ok(Some(answer)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(self.gone()),
        }
    }

    fn gone(&self) -> Fault {
        Fault::Row(format!("the thread {} has stopped", self.name))
    }
}

impl<O, A> Drop for Beside<O, A> {
    fn drop(&mut self) {
        self.orders = None;
        // Answers that nobody wants must not keep it waiting.
        while self.answers.recv().is_ok() {}
        if let Some(thread) = self.thread.take() {
            // One that panicked has told the writer, by its silence.
            drop(thread.join());
        }
    }
}
