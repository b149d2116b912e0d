//! What the tests stand on: commands that can not outlive them, servers, and the model of the rows.

mod archive;
mod command;
mod list;
mod model;
#[path = "../../support/name_server.rs"]
pub(crate) mod name_server;
mod origin;
mod processes;
mod recorder;
mod reply;
mod rows;
mod run_place;
mod stored;
mod waiting;
mod witness;

pub(crate) use archive::Archive;
pub(crate) use command::{
    Finished, Invocation, MODES, Running, crawl, example, example_file, myriapod, worker,
};
pub(crate) use list::List;
pub(crate) use model::{Model, Rules};
pub(crate) use origin::TestOrigin;
pub(crate) use processes::{cpu_ticks, peak_memory};
pub(crate) use recorder::{Recorder, Request, Visit};
pub(crate) use reply::Reply;
pub(crate) use rows::{Rows, Summary, keys};
pub(crate) use run_place::RunPlace;
pub(crate) use stored::{content, lines_of_csv, lines_of_parquet, row_files};
pub(crate) use waiting::{eventually, let_pass};
pub(crate) use witness::{Seen, Witness};
