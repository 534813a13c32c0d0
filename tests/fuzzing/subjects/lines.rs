//! How an input that has several parts is written, so that people can read a corpus: a first line, and the rest.

/// The first line without its end, and everything behind it.
pub fn first_line(data: &[u8]) -> (&[u8], &[u8]) {
    match data.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (data, &[]),
    }
}

/// The entry of a list that a first letter chooses: any letter chooses one.
pub fn chosen<T>(list: &[T], line: &[u8]) -> usize {
    usize::from(line.first().copied().unwrap_or(b'a').wrapping_sub(b'a')) % list.len()
}
