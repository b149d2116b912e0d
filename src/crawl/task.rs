//! The crawl as a task of the pool.
//!
//! Does not know what a row says; wraps the handler for one worker.

use std::rc::Rc;

use crate::crawl::handler::Handler;
use crate::crawl::logging;
use crate::crawl::wire::{Answer, FetchTask, Setup};
use crate::ids::{Incarnation, SlotId};
use crate::pool::{self, Task, WorkerContext};
use crate::text::with_causes;

impl Task for FetchTask {
    type Setup = Setup;
    type State = Handler;
    type Output = Answer;

    async fn start(setup: Setup, worker: &WorkerContext) -> Result<Handler, String> {
        logging::start_in_worker(&setup.log());
        let handler = Handler::new(&setup, SlotId(worker.slot()), Incarnation(worker.incarnation()))
            .map_err(|error| with_causes(&error))?;
        let visitor = handler.visitor();
        if worker.incarnation() > 0 {
            visitor.take_over();
        }
        let leaving = worker.leaving();
        tokio::task::spawn_local(async move {
            leaving.await;
            visitor.close();
        });
        Ok(handler)
    }

    async fn run(self, state: Rc<Handler>, worker: &WorkerContext) -> Answer {
        state.handle(self, SlotId(worker.slot())).await
    }

    fn repeatable(&self) -> bool {
        !self.particulars().once || !self.may_have_been_sent()
    }
}

/// Serves as a worker of a crawl if this process was started as one; returns otherwise.
///
/// To be called first thing in `main`, before any thread is started.
pub fn serve_if_worker() {
    pool::serve::<FetchTask>();
}
