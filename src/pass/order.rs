//! The order of files in a pass. Users take turns, the oldest changes come first, and files that fail again and again
//! do not delay others. Pure functions.

use crate::read::job::Job;
use std::collections::HashMap;

/// One retry follows this many other jobs.
const FRESH_PER_RETRY: usize = 4;

/// Orders jobs. Users take turns: every user's first file comes before any user's second one, and within a turn the
/// file that changed the longest ago comes first. Of one user's files, new ones come first, then those that changed the
/// longest ago. Retries take every fifth place as long as there are other jobs, and the rest of them comes last.
pub fn fair(fresh: Vec<Job>, mut retries: Vec<Job>) -> Vec<Job> {
    retries.sort_by_cached_key(|job| (job.next_try_at(), job.file.session_file.clone()));
    let mut jobs = Vec::with_capacity(fresh.len() + retries.len());
    let mut retries = retries.into_iter();
    for (place, job) in in_turns(fresh).into_iter().enumerate() {
        if place % FRESH_PER_RETRY == 0 && place > 0 {
            jobs.extend(retries.next());
        }
        jobs.push(job);
    }
    jobs.extend(retries);
    jobs
}

fn in_turns(mut jobs: Vec<Job>) -> Vec<Job> {
    jobs.sort_by(|a, b| {
        let key = |job: &Job| (job.known.is_some(), job.stat.mtime_ns);
        key(a).cmp(&key(b)).then_with(|| a.file.session_file.cmp(&b.file.session_file))
    });
    let mut turns: HashMap<String, usize> = HashMap::new();
    let mut in_turns: Vec<(usize, Job)> = Vec::with_capacity(jobs.len());
    for job in jobs {
        let turn = match turns.get_mut(&job.file.username) {
            Some(turn) => turn,
            None => turns.entry(job.file.username.clone()).or_default(),
        };
        *turn += 1;
        in_turns.push((*turn, job));
    }
    in_turns.sort_by(|(a, x), (b, y)| {
        let key = |turn: &usize, job: &Job| (*turn, job.stat.mtime_ns);
        key(a, x).cmp(&key(b, y)).then_with(|| x.file.username.cmp(&y.file.username))
    });
    in_turns.into_iter().map(|(_, job)| job).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::ledger::Known;
    use crate::source::stat::Stat;
    use sessionmill_contract::SourceFile;

    fn job(user: &str, name: &str, mtime_ns: i64, seen: Option<Known>) -> Job {
        let file = SourceFile::new(format!("{user}/{name}"), user);
        let stat = Stat { size: 1, mtime_ns, ctime_ns: 0, inode: 0 };
        Job { path: file.session_file.clone().into(), file, source: 0, stat, due: vec![0], known: seen }
    }

    fn names(jobs: &[Job]) -> Vec<&str> {
        jobs.iter().map(|job| &*job.file.session_file).collect()
    }

    #[test]
    fn users_take_turns_and_what_was_never_seen_comes_first() {
        let known = || Some(Known::default());
        let jobs = vec![
            job("ada", "seen", 1, known()),
            job("ada", "young", 9, None),
            job("ada", "old", 2, None),
            job("bob", "only", 5, known()),
        ];
        assert_eq!(names(&fair(jobs, vec![])), ["ada/old", "bob/only", "ada/young", "ada/seen"]);
    }

    #[test]
    fn retries_take_every_fifth_place_and_the_end() {
        let some = |user: &str, count: i64| (0..count).map(|n| job(user, &n.to_string(), n, None)).collect();
        let ordered = fair(some("ada", 9), some("retry", 4));
        let of = |user| ordered.iter().enumerate().filter(move |(_, job)| job.file.username == user).map(|(n, _)| n);
        assert_eq!(of("retry").collect::<Vec<_>>(), [4, 9, 11, 12]);
    }
}
