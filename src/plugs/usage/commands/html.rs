//! `sessionmill report html`: the report as a page.

use super::scope::Scope;
use crate::base::atomic_file;
use crate::base::error::{Error, Result, Status};
use crate::command::scope::Usual;
use crate::command::{print, remark, terminal};
use crate::plug::Context;
use crate::plugs::usage::report::html;
use std::path::{Path, PathBuf};

/// Write a page with charts and tables
///
/// Cost and tokens over time by model and by person, cache efficiency, activity, presence by hour, tools, sessions,
/// failures and data quality. On a page about all days, the reader can switch to today, 7 days, 30 days or this month.
/// The page is a single file that needs no network, for browsers or mail.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sessionmill report html --out usage.html --since 2026-02-01")]
pub(super) struct Args {
    /// The file to write, or - for stdout; an existing file is replaced
    #[arg(long, alias = "to", value_name = "FILE")]
    out: Option<PathBuf>,

    /// Open the page in the browser; without --out it is a file in the folder for temporary files
    #[arg(long)]
    open: bool,

    #[command(flatten)]
    scope: Scope,
}

pub(super) fn html(args: &Args, context: &Context) -> Result<Status> {
    if args.open && args.out.as_ref().is_some_and(|out| out.as_os_str() == "-") {
        let error = Error::new(Status::Usage, "a browser shows a file, and --out - writes none");
        return Err(error.hint("leave out --open or --out"));
    }
    if args.out.is_none() && !args.open {
        let error = Error::new(Status::Usage, "nothing says where the page is to go");
        return Err(error.hint("--out FILE writes it to a file, --open shows it in the browser"));
    }
    let report = args.scope.report_of(&[sessionmill_usage::NAME, sessionmill_tracking::NAME], Usual::All, context)?;
    let out = match &args.out {
        Some(out) => out.clone(),
        None => temporary()?,
    };
    if is_of(&out, &report.setup.database) {
        return Err(Error::new(Status::Usage, format!("`{}` belongs to the database", out.display()))
            .hint("name another file with --out"));
    }
    let today = report.setup.today;
    let titles = report.setup.config.publish.titles;
    let page =
        report.read(context, |_| false, |reader, filter, prices| html::page(reader, filter, prices, today, titles))?;
    if out.as_os_str() == "-" {
        return print(&page);
    }
    atomic_file::write(&out, &page, None).map_err(|error| Error::cannot("write", out.display(), error))?;
    remark(&format!("written: {}", out.display()));
    if args.open {
        terminal::open(&out.display().to_string());
    }
    Ok(Status::Done)
}

/// A file in a new folder, which only this user can read.
fn temporary() -> Result<PathBuf> {
    let folder = tempfile::Builder::new().prefix("sessionmill-").tempdir();
    let folder = folder.map_err(|error| Error::cannot("make", "a temporary folder", error))?;
    Ok(folder.keep().join("usage.html"))
}

/// Whether a file is the database, or a file that DuckDB keeps beside it, whose name starts with that of the database.
fn is_of(file: &Path, database: &Path) -> bool {
    let folder = |path: &Path| std::path::absolute(path).ok()?.parent()?.canonicalize().ok();
    let (Some(name), Some(of)) = (file.file_name(), database.file_name()) else { return false };
    let is_longer = name.as_encoded_bytes().starts_with(of.as_encoded_bytes());
    is_longer && folder(file).is_some_and(|folder_of_file| folder(database) == Some(folder_of_file))
}
