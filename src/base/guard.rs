//! Contains panics: a bug in the called code fails the one file or task at hand, and everything else goes on.
//!
//! The text of a panic is never repeated, because it can quote a transcript. The log says where the panic happened.

use sessionmill_contract::{Failure, FailureClass};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs code and turns its panic into an error. Values that the code was changing must not be used after a panic.
///
/// # Errors
///
/// The error of the code, or that of `panicked`.
pub fn guard<T, E>(code: impl FnOnce() -> Result<T, E>, panicked: impl FnOnce() -> E) -> Result<T, E> {
    catch_unwind(AssertUnwindSafe(code)).unwrap_or_else(|_| Err(panicked()))
}

/// Runs code of a processor; its panic becomes a failure of class `panic`. `place` says where, for example ` at line
/// 4`.
///
/// # Errors
///
/// The failure that the processor returns, or that of its panic.
pub fn processor<T>(place: &str, code: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    guard(code, || panicked(place))
}

/// The failure of a processor that panicked. `place` as in [`processor`].
pub fn panicked(place: &str) -> Failure {
    Failure::new(FailureClass::Panic, format!("the processor panicked{place}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_that_says_where_it_was_and_not_what() {
        let text = "words of a transcript";
        let failure = processor(" at line 4", || -> Result<(), Failure> { panic!("{text}") });
        assert_eq!(failure, Err(Failure::new(FailureClass::Panic, "the processor panicked at line 4")));
        assert_eq!(guard(|| Err::<(), _>("its own"), || "a panic"), Err("its own"));
        assert_eq!(guard(|| Ok::<_, &str>(1), || "a panic"), Ok(1));
    }
}
