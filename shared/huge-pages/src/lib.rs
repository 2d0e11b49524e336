//! Memory in pages of 2 MiB, where the kernel has them to give.
//!
//! The one file of the workspace that may hold `unsafe`: docs/adr/0010-huge-pages.md says why.

#![allow(unsafe_code)]

/// Of x86-64, and of arm64 with base pages of 4 KiB.
const HUGE_PAGE: usize = 2 << 20;

/// As `vec![value; count]`, in memory for which Linux is asked to use transparent huge pages: to touch 19 MiB takes ten
/// faults then, not 4,864, and work that goes all over it misses the TLB less.
///
/// What the kernel makes of that changes the speed alone: without huge pages, or with none left, it gives ordinary ones.
/// Below one huge page, and elsewhere than on Linux, this is `vec!`.
///
/// # Panics
/// As `vec!`: where the memory cannot be had.
pub fn vec<T: Clone>(count: usize, value: T) -> Vec<T> {
    let bytes = count.saturating_mul(size_of::<T>());
    if bytes < HUGE_PAGE {
        return vec![value; count];
    }
    // To the end of the last huge page, or what is beyond the last whole one would come in small pages.
    let whole = bytes.checked_next_multiple_of(HUGE_PAGE).unwrap_or(bytes);
    let mut values = Vec::with_capacity(whole.div_ceil(size_of::<T>()));
    advise(&values);
    values.resize(count, value);
    values
}

#[cfg(target_os = "linux")]
fn advise<T>(values: &Vec<T>) {
    let begin = values.as_ptr() as usize;
    let end = begin + values.capacity() * size_of::<T>();
    // The call takes whole pages, so the first one is advised from its beginning, where the allocator's own header is.
    let page = rustix::param::page_size();
    let first = begin - begin % page;
    let pointer = values.as_ptr().cast::<u8>().wrapping_sub(begin - first).cast_mut().cast();
    // SAFETY: `MADV_HUGEPAGE` reads and writes no memory and unmaps none; it marks mappings, whatever lies in them
    // (madvise(2)). It refuses addresses that are not mapped, and then nothing has changed, so its answer is not needed.
    let _ = unsafe { rustix::mm::madvise(pointer, end - first, rustix::mm::Advice::LinuxHugepage) };
}

#[cfg(not(target_os = "linux"))]
fn advise<T>(_: &Vec<T>) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_vec_below_at_and_beyond_a_huge_page() {
        for count in [0, 1, 1023, HUGE_PAGE / 1024 - 1, HUGE_PAGE / 1024, HUGE_PAGE / 1024 + 1, 19_456] {
            assert_eq!(vec(count, [7u64; 128]), std::vec![[7u64; 128]; count]);
        }
        assert_eq!(vec(3 << 20, 1u8), std::vec![1u8; 3 << 20]);
        assert_eq!(vec(1 << 20, [1u8; 3]), std::vec![[1u8; 3]; 1 << 20]);
        assert_eq!(vec(usize::MAX, ()).len(), usize::MAX);
    }

    #[test]
    fn values_are_dropped_once_and_it_grows_and_shrinks_as_any_vec() {
        let value = std::rc::Rc::new(());
        let mut values = vec(HUGE_PAGE / 8 + 1, value.clone());
        assert_eq!(std::rc::Rc::strong_count(&value), HUGE_PAGE / 8 + 2);
        values.extend(std::iter::repeat_n(value.clone(), HUGE_PAGE / 8));
        values.truncate(1);
        values.shrink_to_fit();
        assert_eq!(std::rc::Rc::strong_count(&value), 2);
        drop(values);
        assert_eq!(std::rc::Rc::strong_count(&value), 1);
    }

    #[test]
    #[should_panic(expected = "capacity overflow")]
    fn what_cannot_be_had_panics_as_vec_does() {
        vec(usize::MAX, 0u64);
    }

    /// The kernel's own word for it: the mapping's flag `hg`, whether or not it has huge pages to give.
    #[cfg(target_os = "linux")]
    #[test]
    fn the_whole_of_it_is_advised() {
        let values = vec(19_456, [1u64; 128]);
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let flags_at = |address: usize| {
            let mut is_inside = false;
            maps.lines().find_map(|line| {
                let range = line.split(' ').next().and_then(|range| range.split_once('-'));
                if let Some((begin, end)) = range.and_then(|(begin, end)| {
                    Some((usize::from_str_radix(begin, 16).ok()?, usize::from_str_radix(end, 16).ok()?))
                }) {
                    is_inside = (begin..end).contains(&address);
                }
                line.strip_prefix("VmFlags:").filter(|_| is_inside)
            })
        };
        // A kernel built without transparent huge pages has no such flag, and refuses the advice.
        if !std::path::Path::new("/sys/kernel/mm/transparent_hugepage").exists() {
            return;
        }
        for address in [&values[0], &values[19_455]].map(|value| std::ptr::from_ref(value) as usize) {
            assert!(flags_at(address).unwrap().split(' ').any(|flag| flag == "hg"));
        }
    }
}
