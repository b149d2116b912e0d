//! The list of URLs: files, standard input and arguments, read as a stream, line by line.
//!
//! Does not know what is done with a line; knows no runtime and no process.
//!
//! - `line` and `template` are pure: bytes to a line, a template to its expansions.
//! - `buffer`, `signature`, `stream` and `text` get from a file to the bytes of one line.
//! - `table` gets from the bytes of a record to its columns, and from these to a line; `records` reads either from bytes, and `source` is one of any kind.
//! - `reader` goes through all sources and numbers what gives a row; `thread` runs it beside an event loop.
//! - `told` reads the rows of a run, again or as they are made, for what they tell of their URLs.
//! - `place`, `checks` and `fingerprint` let a later run read on where one stopped; `identity` tells whether it may.

mod argument;
mod buffer;
mod checks;
mod collect;
mod error;
mod fingerprint;
mod identity;
mod line;
mod pending;
mod place;
mod plan;
mod progress;
mod reader;
mod records;
mod signature;
mod source;
mod stream;
mod table;
mod template;
mod text;
mod thread;
mod told;

pub use argument::{ArgumentError, Braces, Hint};
pub use collect::CHUNK_LINES;
pub use error::{InputError, Origin, Unreadable};
pub use fingerprint::Change;
pub use identity::{InputIdentity, SourceIdentity};
pub use line::{MAX_LINE, MAX_REJECTED_URL, parse_line};
pub use place::{Place, ResumeFrom, StreamCheck};
pub use plan::{InputPlan, Source, TableOptions, URL_COLUMN};
pub use progress::InputProgress;
pub use reader::{Chunk, Reader};
pub use records::MAX_RECORD;
pub use table::{InputFormat, NotARun, Only, UnknownName, rows_of_run};
pub use template::{Expansion, Template, TemplateError, TemplateFault, is_template};
pub use thread::read_on_thread;
pub use told::{RowReader, RowsError, ToldRow, read_rows};
