//! What a processor is: it folds the events of one source file into facts, and settles all facts of
//! one key into entities.
//!
//! Nothing here does I/O, reads a clock or knows a database. A processor that needs something from
//! the world gets it in its constructor.
//!
//! | module | noun |
//! | --- | --- |
//! | [`event`] | what one record of a log says, whatever program wrote it |
//! | [`call`] | what a call of a tool sets out to do, and why one came to nothing |
//! | [`activity`] | what a log of web or app events says |
//! | [`task`] | what a log of task life cycles says |
//! | [`source_file`] | the log an event comes from |
//! | [`processor`] | the hooks: fold, settle, and what is asked in between |
//! | [`inquiry`] | what is asked about settled entities, and who judges |
//! | [`manifest`] | what a processor declares about itself: name, version, tables |
//! | [`table`](mod@table) | tables of facts and entities, declared once |
//! | [`cell`] | a cell of a row, owned or borrowed |
//! | [`columns`] | rows of one table, kept column by column |
//! | [`row`] | facts and entities on their way to the store |
//! | [`mask`] | credentials, and what stands in their place |
//! | [`failure`] | why a processor could not deal with a file |

pub mod activity;
pub mod call;
pub mod cell;
pub mod columns;
pub mod event;
pub mod failure;
pub mod inquiry;
pub mod manifest;
pub mod mask;
pub mod processor;
pub mod row;
pub mod source_file;
pub mod table;
pub mod task;

pub use activity::Activity;
pub use call::{ApiCause, Cause, Edit, Fault, Lines, Output, Title, TitleBy, Work};
pub use cell::{Cell, Cells, Value};
pub use columns::{Columns, RowRef};
pub use event::{Agent, Event, Said, Transcript};
pub use failure::{Failure, FailureClass};
pub use inquiry::{Inquiry, Ruling};
pub use manifest::{Alone, Bound, Edges, Islands, Manifest, Settlement};
pub use processor::{Clusters, Fold, Inputs, Member, Processor};
pub use row::{FactRow, Mark, Rows};
pub use source_file::SourceFile;
pub use table::{Column, ColumnKind, Field, Place, Row, Sensitive, Table};
pub use task::{TaskEvent, TaskState};
