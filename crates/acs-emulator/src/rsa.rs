//! Generates RSA keys (RFC 8017), which ring cannot. For development and tests only.

use std::num::NonZeroU32;

use crypto_bigint::{BitOps as _, BoxedUint, ConcatenatingMul as _, NonZero, RandomBits as _, Resize as _};
use crypto_primes::{Flavor, hazmat::SmallFactorsSieve, is_prime};
use getrandom::SysRng;
use pkcs8::{
    PrivateKeyInfoRef,
    der::{
        Encode as _,
        asn1::{OctetStringRef, UintRef},
    },
};

/// Half of the length of the modulus, in bits.
const PRIME_BITS: u32 = 1024;

/// The usual public exponent (FIPS 186-5, appendix A.1.1).
const EXPONENT: u32 = 65_537;

/// Generates a key of 2048 bits and returns it as PKCS #8. Returns `None` if the system provides no random bytes.
pub(crate) fn generate() -> Option<Vec<u8>> {
    let (p, q, e) = (prime()?, prime()?, BoxedUint::from(EXPONENT));
    let one = BoxedUint::one();
    let [p_minus_1, q_minus_1] = [&p, &q].map(|prime| prime.wrapping_sub(&one));
    let totient = p_minus_1.concatenating_mul(&q_minus_1);
    let modulus = p.concatenating_mul(&q);
    let d = e.clone().resize(2 * PRIME_BITS).invert_mod(&non_zero(totient)?).into_option()?;
    let [exponent1, exponent2] = [d.rem(&non_zero(p_minus_1)?), d.rem(&non_zero(q_minus_1)?)];
    let coefficient = q.invert_mod(&non_zero(p.clone())?).into_option()?;
    pkcs8([modulus, e, d, p, q, exponent1, exponent2, coefficient])
}

/// Returns a random prime number. The two highest bits are set, so that the modulus has twice the length.
fn prime() -> Option<BoxedUint> {
    let mut start = BoxedUint::try_random_bits(&mut SysRng, PRIME_BITS).ok()?;
    start.set_bit_vartime(PRIME_BITS - 1, true);
    start.set_bit_vartime(PRIME_BITS - 2, true);
    let mut candidates = SmallFactorsSieve::new(start, NonZeroU32::new(PRIME_BITS)?, false).ok()?;
    candidates.find(|candidate| is_prime(Flavor::Any, candidate))
}

fn non_zero(number: BoxedUint) -> Option<NonZero<BoxedUint>> {
    NonZero::new(number).into_option()
}

/// Encodes the numbers of a key in the order of RFC 8017, appendix A.1.2.
fn pkcs8(numbers: [BoxedUint; 8]) -> Option<Vec<u8>> {
    let numbers = numbers.map(|number| number.to_be_bytes());
    let number = |at: usize| UintRef::new(&numbers[at]).ok();
    let key = pkcs1::RsaPrivateKey {
        modulus: number(0)?,
        public_exponent: number(1)?,
        private_exponent: number(2)?,
        prime1: number(3)?,
        prime2: number(4)?,
        exponent1: number(5)?,
        exponent2: number(6)?,
        coefficient: number(7)?,
        other_prime_infos: None,
    };
    let key = key.to_der().ok()?;
    PrivateKeyInfoRef::new(pkcs1::ALGORITHM_ID, OctetStringRef::new(&key).ok()?).to_der().ok()
}
