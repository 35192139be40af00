// Sentences of the server's, with the times in them as people read them.

import { Fragment } from 'react'
import { clock, exact } from './format'
import { sentenceCase } from './state'

const TIME = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)/

/** `… tries again at 2026-11-21T07:20:39Z` → `… tries again at 07:20:39`. */
export function Told({ text, isInner }: { text: string; /** In the middle of a line: no capital. */ isInner?: boolean }) {
  return (isInner === true ? text : sentenceCase(text)).split(TIME).map((part, i) =>
    i % 2 === 1 ? (
      <time key={i} dateTime={part} title={exact(Date.parse(part))}>
        {clock(Date.parse(part))}
      </time>
    ) : (
      <Fragment key={i}>{part}</Fragment>
    ),
  )
}
