// Tables: the shape of every list. Sticky head, keyboard, selection, virtual rows when there are many.

import { useVirtualizer } from '@tanstack/react-virtual'
import { type ReactNode, type RefObject, useEffect, useRef, useState } from 'react'
import { cx } from './cx'
import { Checkbox } from './field'
import { useShortcut } from './shortcut'
import { Skeleton } from './skeleton'

export interface Column<T> {
  id: string
  label: string
  cell: (row: T) => ReactNode
  /** A CSS width; columns without one share what is left. */
  width?: string
  isRight?: boolean
  /** Takes what the others leave, and cuts what does not fit. */
  isFluid?: boolean
  /** From which width on it is shown. */
  from?: 'sm' | 'md' | 'lg' | 'xl'
  /** Sorts by this when its head is pressed. */
  sort?: (row: T) => string | number
}

export interface TableProps<T> {
  label: string
  columns: Column<T>[]
  rows: T[] | undefined
  rowId: (row: T) => string
  rowLabel: (row: T) => string
  onOpen?: (row: T) => void
  /** Shift and click, or `space`. */
  onPeek?: (row: T) => void
  selection?: { ids: Set<string>; onChange: (ids: Set<string>) => void }
  /** What to show when there are none. */
  empty: ReactNode
  /** Rows to hold place for while loading. */
  expected?: number
  /** Reacts to `j`, `k` and `Enter`. One table per page. */
  isMain?: boolean
}

const ROW = 36
const VIRTUAL_FROM = 200
const FROM = { sm: 'hidden sm:table-cell', md: 'hidden md:table-cell', lg: 'hidden lg:table-cell', xl: 'hidden xl:table-cell' }
const RANK = { sm: 1, md: 2, lg: 3, xl: 4 }
/** The last column that is seen keeps its distance from the edge, and which one that is depends on the width. */
const EDGE = ['max-sm:pr-4', 'sm:max-md:pr-6', 'md:max-lg:pr-6', 'lg:max-xl:pr-6', 'xl:pr-6']
const FLUID = 'w-full max-w-0'

function edges<T>(columns: Column<T>[]): string[] {
  const out = columns.map(() => '')
  for (const [width, edge] of EDGE.entries()) {
    const last = columns.findLastIndex(({ from }) => from === undefined || RANK[from] <= width)
    if (last >= 0) out[last] += ` ${edge}`
  }
  return out
}

/** A list as a table. */
export function Table<T>(props: TableProps<T>) {
  const { rows, columns, rowId, isMain } = props
  const body = useRef<HTMLTableElement>(null)
  const [sort, setSort] = useState<{ id: string; isDown: boolean }>()
  const sorted = sortRows(rows, columns, sort)
  const [at, setAt] = useState(-1)
  const move = (by: number) => {
    if (sorted === undefined || sorted.length === 0) return
    const next = Math.max(0, Math.min(sorted.length - 1, at + by))
    setAt(next)
    const row = sorted[next]
    if (row !== undefined) focusRow(body, rowId(row))
  }
  const current = sorted?.[at]
  useShortcut(isMain ? { keys: 'j', label: 'Next row', group: 'Lists', run: () => move(1) } : undefined)
  useShortcut(isMain ? { keys: 'k', label: 'Previous row', group: 'Lists', run: () => move(-1) } : undefined)
  useShortcut(
    isMain && props.selection !== undefined
      ? { keys: 'x', label: 'Select the row', group: 'Lists', run: () => current !== undefined && toggle(props, rowId(current)) }
      : undefined,
  )
  if (sorted !== undefined && sorted.length === 0) return <>{props.empty}</>
  return (
    <table ref={body} className="w-full border-separate border-spacing-0 text-13" aria-label={props.label} aria-busy={rows === undefined} aria-rowcount={sorted === undefined ? undefined : sorted.length + 1}>
      <Head {...props} rows={sorted} sort={sort} onSort={setSort} />
      {sorted === undefined ? (
        <Waiting columns={columns} expected={props.expected ?? 6} isSelecting={props.selection !== undefined} />
      ) : sorted.length > VIRTUAL_FROM ? (
        <VirtualBody {...props} rows={sorted} table={body} onFocusRow={setAt} />
      ) : (
        <tbody>
          {sorted.map((row, i) => (
            <Row key={rowId(row)} {...props} row={row} index={i} onFocusRow={setAt} />
          ))}
        </tbody>
      )}
    </table>
  )
}

function sortRows<T>(rows: T[] | undefined, columns: Column<T>[], sort: { id: string; isDown: boolean } | undefined): T[] | undefined {
  const by = columns.find((column) => column.id === sort?.id)?.sort
  if (rows === undefined || by === undefined) return rows
  const sign = sort?.isDown === true ? -1 : 1
  return [...rows].sort((a, b) => {
    const [x, y] = [by(a), by(b)]
    return sign * (typeof x === 'number' && typeof y === 'number' ? x - y : String(x).localeCompare(String(y), 'en', { numeric: true }))
  })
}

function focusRow(table: RefObject<HTMLTableElement | null>, id: string): void {
  const row = table.current?.querySelector<HTMLElement>(`tr[data-id="${CSS.escape(id)}"]`)
  row?.focus()
  row?.scrollIntoView({ block: 'nearest' })
}

function toggle<T>({ selection }: TableProps<T>, id: string): void {
  if (selection === undefined) return
  const ids = new Set(selection.ids)
  if (!ids.delete(id)) ids.add(id)
  selection.onChange(ids)
}

type HeadProps<T> = TableProps<T> & { sort: { id: string; isDown: boolean } | undefined; onSort: (sort: { id: string; isDown: boolean } | undefined) => void }

const TH = 'whitespace-nowrap sticky top-0 z-10 h-8 border-b border-line bg-surface px-2 text-left text-12 font-medium text-ink-2 first:pl-4 sm:first:pl-6'

function Head<T>({ columns, rows, rowId, selection, sort, onSort }: HeadProps<T>) {
  const edge = edges(columns)
  const chosen = rows?.filter((row) => selection?.ids.has(rowId(row))).length ?? 0
  return (
    <thead>
      <tr>
        {selection !== undefined && (
          <th scope="col" className={cx(TH, 'w-10')}>
            <Checkbox
              label="Select all"
              isChecked={chosen === 0 ? false : chosen === rows?.length ? true : 'some'}
              onChange={(isOn) => selection.onChange(new Set(isOn ? rows?.map(rowId) : []))}
            />
          </th>
        )}
        {columns.map((column, at) => {
          const isSorted = sort?.id === column.id
          return (
            <th
              key={column.id}
              scope="col"
              style={{ width: column.width }}
              aria-sort={isSorted ? (sort.isDown ? 'descending' : 'ascending') : undefined}
              className={cx(TH, edge[at], column.isRight && 'text-right', column.isFluid && FLUID, column.from && FROM[column.from])}
            >
              {column.sort === undefined ? (
                column.label === '' ? <span className="sr-only">Actions</span> : column.label
              ) : (
                <button type="button" className="relative -mx-1 rounded px-1 whitespace-nowrap hover:text-ink" onClick={() => onSort(isSorted ? (sort.isDown ? undefined : { id: column.id, isDown: true }) : { id: column.id, isDown: false })}>
                  {column.label}
                  {isSorted && (
                    <span aria-hidden className={cx('absolute top-0', column.isRight ? 'right-full' : 'left-full')}>
                      {sort.isDown ? '↓' : '↑'}
                    </span>
                  )}
                </button>
              )}
            </th>
          )
        })}
      </tr>
    </thead>
  )
}

type RowProps<T> = TableProps<T> & { row: T; index: number; onFocusRow: (index: number) => void }

const TD = 'h-9 whitespace-nowrap border-b border-line px-2 first:pl-4 sm:first:pl-6 group-last:border-b-0'

function Row<T>(props: RowProps<T>) {
  const { row, columns, rowId, rowLabel, onOpen, onPeek, selection } = props
  const id = rowId(row)
  const edge = edges(columns)
  const isSelected = selection?.ids.has(id) === true
  return (
    <tr
      data-id={id}
      tabIndex={onOpen === undefined ? undefined : -1}
      aria-selected={selection === undefined ? undefined : isSelected}
      onFocus={() => props.onFocusRow(props.index)}
      onClick={(click) => {
        if (isControl(click.target, click.currentTarget) || window.getSelection()?.toString() !== '') return
        if (click.shiftKey && onPeek !== undefined) onPeek(row)
        else onOpen?.(row)
      }}
      onKeyDown={(key) => {
        if (key.target !== key.currentTarget) return
        if (key.key === 'Enter') onOpen?.(row)
        if (key.key === ' ' && onPeek !== undefined) {
          key.preventDefault()
          onPeek(row)
        }
      }}
      className={cx(
        'group -outline-offset-2 transition-colors duration-[120ms]',
        onOpen !== undefined && 'cursor-pointer hover:bg-hover',
        isSelected && 'bg-selected hover:bg-selected',
      )}
    >
      {selection !== undefined && (
        <td className={TD}>
          <Checkbox label={`Select ${rowLabel(row)}`} isChecked={isSelected} onChange={() => toggle(props, id)} />
        </td>
      )}
      {columns.map((column, at) => (
        <td key={column.id} className={cx(TD, edge[at], column.isRight && 'text-right', column.isFluid && cx(FLUID, 'overflow-hidden'), column.from && FROM[column.from])}>
          {column.cell(row)}
        </td>
      ))}
    </tr>
  )
}

/** A click on something that does something itself is not a click on the row. */
function isControl(target: EventTarget, row: HTMLElement): boolean {
  const control = (target as HTMLElement).closest('a,button,input,[role="checkbox"],[role="menuitem"]')
  return (control !== null && row.contains(control)) || !row.contains(target as HTMLElement)
}

function VirtualBody<T>(props: TableProps<T> & { rows: T[]; table: RefObject<HTMLTableElement | null>; onFocusRow: (index: number) => void }) {
  const { rows, rowId, table } = props
  const [scroller, setScroller] = useState<HTMLElement | null>(null)
  useEffect(() => setScroller(table.current?.closest<HTMLElement>('[data-scroller]') ?? null), [table])
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller,
    estimateSize: () => ROW,
    overscan: 20,
    getItemKey: (i) => rowId(rows[i] as T),
  })
  const shown = virtual.getVirtualItems()
  const above = shown[0]?.start ?? 0
  const below = virtual.getTotalSize() - (shown.at(-1)?.end ?? 0)
  return (
    <tbody>
      {above > 0 && <Spacer height={above} />}
      {shown.map((item) => (
        <Row key={item.key} {...props} row={rows[item.index] as T} index={item.index} onFocusRow={props.onFocusRow} />
      ))}
      {below > 0 && <Spacer height={below} />}
    </tbody>
  )
}

const Spacer = ({ height }: { height: number }) => (
  <tr aria-hidden>
    <td style={{ height }} />
  </tr>
)

function Waiting<T>({ columns, expected, isSelecting }: { columns: Column<T>[]; expected: number; isSelecting: boolean }) {
  const edge = edges(columns)
  return (
    <tbody>
      {Array.from({ length: expected }, (_, i) => (
        <tr key={i} className="group">
          {isSelecting && (
            <td className={TD}>
              <Skeleton className="size-4" />
            </td>
          )}
          {columns.map((column, c) => (
            <td key={column.id} className={cx(TD, edge[c], column.isFluid && FLUID, column.from && FROM[column.from])}>
              <Skeleton className={cx('h-3', c === 0 ? 'w-32' : 'w-16', column.isRight && 'ml-auto')} />
            </td>
          ))}
        </tr>
      ))}
    </tbody>
  )
}
