//! Whose a file is, and that root leaves the database of somebody else alone.

use crate::base::error::{Error, Result, Status};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Keeps root from writing a database of somebody else, who could not use the files that root leaves
/// beside it. One that is still to be made belongs to the owner of its folder.
///
/// # Errors
///
/// If root runs the program, and the database is not root's.
pub fn leave_to_owner(database: &Path) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let owner = database.ancestors().find_map(|path| Some(std::fs::metadata(path).ok()?.uid()));
    let Some(owner) = owner.filter(|owner| *owner != 0) else { return Ok(()) };
    let known = name("/etc/passwd", owner);
    let message = format!("`{}` belongs to {known}, who could not use what root leaves beside it", database.display());
    Err(Error::new(Status::CannotRun, message).hint(run_as_owner(owner)))
}

/// The hint to run the program as whoever owns a file, who need not have a name.
pub fn run_as_owner(owner: u32) -> String {
    let owner = known("/etc/passwd", owner).unwrap_or_else(|| format!("'#{owner}'"));
    format!("run it as its owner: {} sessionmill …", become_user(&owner))
}

/// What root writes in front of a command that another user is to run: not every machine has sudo.
pub fn become_user(user: &str) -> String {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let has_sudo = std::env::split_paths(&path).any(|folder| folder.join("sudo").is_file());
    // A number without a name is a user for sudo only.
    if has_sudo || user.contains('#') { format!("sudo -u {user}") } else { format!("runuser -u {user} --") }
}

/// What /etc/passwd says of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The number of its group.
    pub group: String,
    pub home: String,
}

/// The account of a user, if there is one.
pub fn account(user: &str) -> Option<Account> {
    #[expect(clippy::disallowed_methods, reason = "users, not the database")]
    let text = std::fs::read_to_string("/etc/passwd").ok()?;
    let fields = text.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[0] == user)?;
    Some(Account { group: (*fields.get(3)?).to_owned(), home: (*fields.get(5)?).to_owned() })
}

/// The name of a number in a file such as /etc/passwd, or the number.
pub fn name(file: &str, number: u32) -> String {
    known(file, number).unwrap_or_else(|| number.to_string())
}

/// The same, if there is one.
pub fn known(file: &str, number: u32) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "names of users and groups, not the database")]
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number.to_string()).then(|| name.to_owned())
    })
}
