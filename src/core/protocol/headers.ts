/** HTTP headers of the protocol. Values that are objects are base64url of their JSON. */

/** Payer → gateway: terms, request, voucher, signature, salt. */
export const PAYMENT_HEADER = "x-opg-payment";

/** Gateway → payer: the id of the request, which is also its receipt's. */
export const REQUEST_ID_HEADER = "x-opg-request-id";

/** Gateway → payer, answers that are not streamed: how many bytes were signed, and where the receipt was put in. */
export const OUTPUT_LENGTH_HEADER = "x-opg-output-length";
export const RECEIPT_AT_HEADER = "x-opg-receipt-at";

/** Settler → worker: what to run, beside the payer's raw body. */
export const ORDER_HEADER = "x-opg-order";

/** Settler → verifier: who asks, signed by the settler's committer over what is asked. */
export const SETTLER_HEADER = "x-opg-settler";

/** Settler → verifier: the batch body to sign; the request's body is the batch file. */
export const BATCH_HEADER = "x-opg-batch";
