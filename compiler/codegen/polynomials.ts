// Polynomials of the functions in float32, highest power first, common to the targets: those of Moshier's Cephes library,
// and for the error function of this package (fitted by least maximum of the relative error, in 40 digits).

/** ln 2 in two parts, the first so short that its products with exponents are exact (Cody, Waite 1980). */
export const LN2_HIGH = 0.693359375;
export const LN2_LOW = -2.1219444e-4;

/** (exp(x) - 1 - x) / x² in x, for |x| <= ln 2 / 2 (expf). */
export const EXP_COEFFICIENTS: readonly number[] = [
  1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1,
  5.0000001201e-1,
];

/** The same in one degree less, fitted by least maximum of the error of exp: a sixteenth of a unit in the last place. */
export const EXP_SHORT_COEFFICIENTS: readonly number[] = [
  1.381453942e-3, 8.368745446e-3, 4.166838899e-2, 1.666652113e-1, 4.999999404e-1,
];

/** (log(1 + y) - y + y²/2) / y³ in y, for 1 + y in [sqrt(1/2), sqrt(2)] (logf). */
export const LOG_COEFFICIENTS: readonly number[] = [
  7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1,
  -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
];
/** Bits of sqrt(1/2), where the significand of a logarithm's operand starts. */
export const SQRT_HALF_BITS = 0x3f3504f3;

/** (tanh(x) - x) / x³ in x², for |x| <= 0.625 (tanhf). */
export const TANH_COEFFICIENTS: readonly number[] = [
  -5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1,
];

/** (sin(x) - x) / x³ in x², for |x| <= π/4 (sinf). */
export const SIN_COEFFICIENTS: readonly number[] = [
  -1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1,
];
/** (cos(x) - 1 + x²/2) / x⁴ in x², for |x| <= π/4 (cosf). */
export const COS_COEFFICIENTS: readonly number[] = [
  2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2,
];

/** (erf(x) - x) / x in x², for |x| <= 1. */
export const ERF_COEFFICIENTS: readonly number[] = [
  7.853857823647559e-5, -8.010192541405559e-4, 5.188327748328447e-3, -2.6853810995817184e-2,
  1.128358542919159e-1, -3.761262595653534e-1, 1.2837916612625122e-1,
];

/** (1 + 2a)·exp(a²)·erfc(a) in (a - 2) / (a + 2), for 0 <= a <= 10 (the form of Shepherd, Laframboise 1981). */
export const ERFC_COEFFICIENTS: readonly number[] = [
  -4.005795926786959e-4, -1.229930785484612e-3, 1.3135253684595227e-3, 8.631684817373753e-3,
  -8.059876039624214e-3, -5.42043000459671e-2, 1.6405534744262695e-1, -1.660314302308655e-1,
  -9.27639827132225e-2, 1.2769783735275269,
];
