// Recovery codes: shown once, to be kept where the phone is not.

import { Download } from 'lucide-react'
import { Button } from '../kit/button'
import { Code } from '../kit/code'
import { Dialog } from '../kit/dialog'

export function Codes({ codes, title, onClose }: { codes: string[]; title: string; onClose: () => void }) {
  const text = codes.join('\n')
  const save = () => {
    const url = URL.createObjectURL(new Blob([`Recovery codes of ${window.location.host}\n\n${text}\n`], { type: 'text/plain' }))
    const link = document.createElement('a')
    link.href = url
    link.download = 'ostler-recovery-codes.txt'
    link.click()
    URL.revokeObjectURL(url)
  }
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={title}
      about="Keep these codes where your phone is not. Each signs you in once when you have lost your factors. They are stored as hashes and cannot be shown again; earlier ones count no longer."
      footer={
        <>
          <Button icon={Download} onClick={save}>
            Save as a file
          </Button>
          <Button look="main" onClick={onClose}>
            I have kept them
          </Button>
        </>
      }
    >
      <Code label="recovery codes" text={text} />
    </Dialog>
  )
}
