// After an invitation, or a link to set a password: the link to hand over.

import { Button } from '../kit/button'
import { Code } from '../kit/code'
import { Dialog } from '../kit/dialog'

export function HandOver({ title, about, link, onClose }: { title: string; about: string; link: string | null; onClose: () => void }) {
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={title}
      about={about}
      footer={
        <Button look="main" onClick={onClose}>
          Done
        </Button>
      }
    >
      {link !== null && <Code label="link" text={link} />}
    </Dialog>
  )
}

/** What to say after an invitation. */
export function invitedAbout(isMailed: boolean, link: string | null): string {
  if (isMailed && link === null) return 'A link is on its way by mail. It works once, for 72 hours.'
  if (isMailed) return 'A link is on its way by mail. You may also hand it over yourself; it works once, for 72 hours.'
  return 'Mail is off, so hand this link over yourself. It works once, for 72 hours. Whoever has it becomes this person.'
}
