//! Short ids that mean something else: a task with one of them is listed as any other, but the address of a list of
//! tasks that has the id in it would be that of something else.

use super::{NAME, Settings};
use crate::base::error::{Result, count};
use crate::config::Config;
use crate::run::summary::Summary;
use crate::store::{Access, DatabaseFile, Store};

/// Separates the ids in the question.
const SEPARATOR: &str = "\n";

/// Adds to what is to be known of a run how many tasks have a reserved short id. Best effort: the run is over.
pub fn warn(config: &Config, database: &DatabaseFile, summary: &mut Summary) {
    let reserved = config.settings::<Settings>().reserved;
    let has_read = summary.processors.iter().any(|counts| counts.processor == NAME && counts.items_extracted > 0);
    if reserved.is_empty() || !has_read {
        return;
    }
    let ids: Vec<_> = reserved.into_iter().collect();
    match Store::open(database, Access::ReadOnly).and_then(|store| tasks(&store, &ids)) {
        Ok(found) => summary.notices.warnings.extend(found.into_iter().map(|(id, tasks)| warning(&id, tasks))),
        Err(error) => tracing::debug!(error = error.message, "cannot count tasks with reserved short ids"),
    }
}

fn warning(id: &str, tasks: u64) -> String {
    let have = if tasks == 1 { "has" } else { "have" };
    format!("the short id `{id}` is reserved, and {} {have} it: use another one", count(tasks, "task"))
}

/// The ids that tasks have, with the number of these.
fn tasks(store: &Store, ids: &[String]) -> Result<Vec<(String, u64)>> {
    let sql = "SELECT short_id, count(DISTINCT task_id) FROM facts.task_events
               WHERE list_contains(string_split(?, chr(10)), short_id) GROUP BY short_id ORDER BY short_id";
    store.reader().rows(sql, &[ids.join(SEPARATOR).into()], |row| Ok((row.get(0)?, row.get(1)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_warning_says_what_to_do() {
        assert_eq!(warning("task", 1), "the short id `task` is reserved, and 1 task has it: use another one");
        assert_eq!(warning("user", 2), "the short id `user` is reserved, and 2 tasks have it: use another one");
    }
}
