//! Counts the source files that the user who runs the program can read, and finds what keeps the others from being
//! read. Nothing is changed.

use crate::base::error::{Result, cause};
use crate::source::Source;
use crate::source::access::{Act, Barrier, add, closed_above, is_allowed};
use crate::source::open::{self, Refusal};
use crate::source::scan;
use rustix::fs::Access;
use sessionmill_contract::FailureClass;

/// The number of source files that can be read, and the barriers for the others.
///
/// # Errors
///
/// If the root is missing or is not a folder.
pub fn survey(source: &Source, login: &str) -> Result<(u64, Vec<Barrier>)> {
    if let Some(folder) = closed_above(&source.root) {
        return Ok((0, vec![Barrier::new(folder, Act::Pass)]));
    }
    if source.root.is_dir() && !is_allowed(&source.root, Access::READ_OK | Access::EXEC_OK) {
        return Ok((0, vec![Barrier::new(&source.root, Act::List)]));
    }
    let roots = scan::roots(std::slice::from_ref(source))?;
    let walk = scan::sessions(std::slice::from_ref(source), &roots, login)?;
    let mut barriers = Vec::new();
    for unseen in &walk.unseen {
        let path = source.root.join(&unseen.path);
        add(&mut barriers, Barrier { reason: unseen.reason.clone(), ..Barrier::new(&path, Act::List) });
    }
    let is_closed =
        |error| matches!(open::refusal(error), Refusal::Failed(failure) if failure.class == FailureClass::Environment);
    let mut files = 0;
    for found in walk.found.iter().filter(|found| found.stat.is_ok()) {
        match roots[0].unchecked_file(&found.path) {
            Err(error) if is_closed(error) => {
                let path = source.root.join(&found.path);
                add(&mut barriers, Barrier { reason: cause(&error.into()), ..Barrier::new(&path, Act::Read) });
            }
            // A file that no run would read, such as one behind a link, or that is gone by now, is not a barrier.
            Ok(_) | Err(_) => files += 1,
        }
    }
    Ok((files, barriers))
}
