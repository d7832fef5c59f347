//! Locks that are taken all the same after somebody panicked with them: what they guard is whole between statements, and a panic
//! of one request is no reason to refuse all others.

use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

/// What a lock guards.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::locked;
    use std::sync::Mutex;

    #[test]
    fn a_panic_of_another_keeps_nobody_out() {
        let mutex = Mutex::new(1);
        let panicked = std::thread::scope(|scope| {
            let own = scope.spawn(|| {
                let _held = locked(&mutex);
                panic!("with the lock");
            });
            own.join().is_err()
        });
        assert!(panicked && mutex.is_poisoned());
        *locked(&mutex) += 1;
        assert_eq!(*locked(&mutex), 2);
    }
}
