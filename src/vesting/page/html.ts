import { formatWeiGrouped } from "../amount.ts";

/** Text as HTML, also inside quoted attributes. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

/** The exact amount; its decimals stand on a line of their own, so that whole numbers align. */
export function amountHtml(wei: bigint): string {
  const [whole, fraction] = formatWeiGrouped(wei).split(".");
  return fraction ? `${whole}<small>.${fraction}</small>` : (whole as string);
}
