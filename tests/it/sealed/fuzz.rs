//! A short, deterministic run of the fuzz target `sealed_open`.

use super::fuzz_input;

/// Marsaglia's xorshift64: the same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

#[test]
fn no_input_makes_it_panic_or_opens() {
    let facts = [&[0xab; 16][..], &1_795_287_701_i64.to_be_bytes(), &i64::MAX.to_be_bytes()].concat();
    let seeds = [
        Vec::new(),
        b"AQFrAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_vec(),
        b"f47ac10b-58cc-4372-a567-0e02b2c3d479".to_vec(),
        [&facts[..], br#"{"user":42,"level_id":1,"level":"admin"}"#].concat(),
        [&facts[..], &[0; 16], br#"{"a":[1,2.5,true,null,"\u00fc\n"]}"#].concat(),
        br#"{"k":"{\"timestamp\":1795284793,\"seconds_to_expire\":-5,\"custom\":{\"user\":\"john\"}}"}"#.to_vec(),
        br#"{"k":"{\"timestamp\":9223372036854775807,\"seconds_to_expire\":9223372036854775807,\"custom\":[]}"}"#
            .to_vec(),
        "[".repeat(5_000).into_bytes(),
    ];
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for seed in &seeds {
        for length in (0..=seed.len()).step_by(seed.len() / 64 + 1) {
            fuzz_input::open(&seed[..length]);
        }
        for _ in 0..60 {
            let mut input = seed.clone();
            for _ in 0..=numbers.next() % 4 {
                let position = numbers.next() as usize % (input.len() + 1);
                match numbers.next() % 3 {
                    0 => input.insert(position, numbers.next() as u8),
                    _ if position == input.len() => {}
                    1 => drop(input.remove(position)),
                    _ => input[position] ^= 1 << (numbers.next() % 8),
                }
            }
            fuzz_input::open(&input);
        }
    }
}
