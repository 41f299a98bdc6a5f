//! The contract of processors: a processor *folds* the events of one source file into facts, and *settles* all facts of
//! one key into entities.
//!
//! Nothing here does I/O, reads a clock or knows a database. What a processor needs from outside is passed to its
//! constructor.
//!
//! | module | noun |
//! | --- | --- |
//! | [`event`] | what one record of a log says, whichever program wrote it |
//! | [`call`] | what a tool call is about to do, and why one failed |
//! | [`activity`] | events of web and app logs |
//! | [`task`] | events of task life cycles |
//! | [`source_file`] | the log an event comes from |
//! | [`processor`] | the hooks: fold, settle, and inquiries in between |
//! | [`inquiry`] | questions about settled entities |
//! | [`manifest`] | what a processor declares about itself: name, version, tables |
//! | [`table`](mod@table) | tables of facts and entities, declared once |
//! | [`cell`] | a cell of a row, owned or borrowed |
//! | [`columns`] | rows of one table, kept column by column |
//! | [`row`] | facts and entities on their way to the store |
//! | [`mask`] | removing credentials from text |
//! | [`pattern`] | patterns with `*` |
//! | [`sets`] | disjoint sets of numbers |
//! | [`failure`] | why a processor failed on a file |

pub mod activity;
pub mod call;
pub mod cell;
pub mod columns;
pub mod event;
pub mod failure;
pub mod inquiry;
pub mod manifest;
pub mod mask;
pub mod pattern;
pub mod processor;
pub mod row;
pub mod sets;
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
pub use table::{Column, ColumnKind, Field, Row, Sensitive, Table, Visibility};
pub use task::{TaskEvent, TaskState};
